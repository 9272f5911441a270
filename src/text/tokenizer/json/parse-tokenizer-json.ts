import { FormatError, UnsupportedError } from "../../../util/errors.ts";
import type { Model } from "../models/model.ts";
import type { TokenizerData } from "../tokenizer-data.ts";
import { Fields } from "./fields.ts";
import { beginObject, endObject, JsonScanner } from "./json-scanner.ts";
import { parseAddedTokens } from "./parse-added-tokens.ts";
import { parseDecoder } from "./parse-decoder.ts";
import { parseModel } from "./parse-model.ts";
import { parseNormalizer } from "./parse-normalizer.ts";
import { parsePostProcessor } from "./parse-post-processor.ts";
import { parsePreTokenizer } from "./parse-pre-tokenizer.ts";

/**
 * Reads a tokenizer.json as tokenizers 0.23 writes it, and as older versions did. Vocabulary and merges go from bytes to packed tables
 * without being built as JSON. `truncation` and `padding` are left out: a prompt is never cut or filled up silently. `label` names the
 * file. Throws FormatError for what is malformed, UnsupportedError for components that are not known.
 */
export function parseTokenizerJson(bytes: Uint8Array, label: string): TokenizerData {
  try {
    return parse(bytes);
  } catch (error) {
    if (error instanceof FormatError) throw new FormatError(`${label}: ${error.message}`, { cause: error });
    if (error instanceof UnsupportedError) throw new UnsupportedError(`${label}: ${error.message}`, { cause: error });
    throw error;
  }
}

function parse(bytes: Uint8Array): TokenizerData {
  requireUtf8(bytes);
  const start = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  const scanner = new JsonScanner(bytes, start);
  const members = new Map<string, number>();
  let model: Model | undefined;
  scanner.enter(beginObject);
  while (scanner.more(endObject)) {
    const name = scanner.readKey();
    members.set(name, scanner.position);
    if (name === "model") model = parseModel(scanner);
    else scanner.skipValue();
  }
  if (model === undefined) throw new FormatError("has no model");
  const component = <Component>(name: string, parseFields: (fields: Fields) => Component): Component | undefined => {
    const position = members.get(name);
    const value = position === undefined ? null : readSmall(new JsonScanner(bytes, position), name);
    return value === null ? undefined : parseFields(new Fields(value, name));
  };
  const addedPosition = members.get("added_tokens");
  return {
    addedTokens:
      addedPosition === undefined ? [] : parseAddedTokens(new JsonScanner(bytes, addedPosition), model.vocabulary),
    normalizer: component("normalizer", parseNormalizer),
    preTokenizer: component("pre_tokenizer", parsePreTokenizer),
    model,
    postProcessor: component("post_processor", parsePostProcessor),
    decoder: component("decoder", parseDecoder),
  };
}

/** A component in bytes: the largest, a charsmap, has 320,000. */
const maxComponentBytes = 2 ** 21;

function readSmall(scanner: JsonScanner, name: string): unknown {
  const start = scanner.position;
  scanner.skipValue();
  const byteLength = scanner.position - start;
  if (byteLength > maxComponentBytes) {
    throw new FormatError(`${name} has ${byteLength} bytes; at most ${maxComponentBytes} are taken`);
  }
  scanner.position = start;
  return scanner.readValue();
}

/** In portions: nobody needs the whole text. */
function requireUtf8(bytes: Uint8Array): void {
  const portion = 2 ** 16;
  const decoder = new TextDecoder("utf-8", { fatal: true });
  try {
    for (let start = 0; start < bytes.length; start += portion) {
      decoder.decode(bytes.subarray(start, start + portion), { stream: true });
    }
    decoder.decode();
  } catch (cause) {
    throw new FormatError("is not valid UTF-8", { cause });
  }
}
