import { readFile } from "../checkpoint/read-file.ts";
import type { EmbeddedText } from "../formats/ggml/gguf-text.ts";
import type { Folder } from "../io/folder.ts";
import { buildTokenizer } from "../text/tokenizer/build-tokenizer.ts";
import { parseTokenizerJson } from "../text/tokenizer/json/parse-tokenizer-json.ts";
import type { Tokenizer } from "../text/tokenizer/tokenizer.ts";

export const tokenizerFile = "tokenizer.json";

/** A tokenizer of 250,000 tokens has some 30 MB. */
const maxBytes = 128 * 2 ** 20;

/**
 * A model's tokenizer: the one in the file of its weights before a tokenizer.json beside it; undefined: it has none. Throws FormatError,
 * UnsupportedError, AbortedError.
 */
export async function loadTokenizer(
  folder: Folder,
  embedded: EmbeddedText | undefined,
  signal: AbortSignal | undefined,
): Promise<Tokenizer | undefined> {
  if (embedded?.tokenizer !== undefined) return buildTokenizer(embedded.tokenizer);
  if (!(await folder.list()).includes(tokenizerFile)) return undefined;
  const bytes = await readFile(folder, tokenizerFile, { maxBytes, signal });
  return buildTokenizer(parseTokenizerJson(bytes, `${folder.label}/${tokenizerFile}`));
}
