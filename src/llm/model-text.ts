import { readFile, readText } from "../checkpoint/read-file.ts";
import type { Folder } from "../io/folder.ts";
import { findChatTemplate, type ChatTemplateSource } from "../text/chat-template-source.ts";
import { createChatTemplate, type ChatTemplate } from "../text/chat-template.ts";
import { parseSpecialTokens, type SpecialTokens } from "../text/special-tokens.ts";
import type { Tokenizer } from "../text/tokenizer/tokenizer.ts";
import { RequestError } from "../util/errors.ts";
import { parseJson } from "../util/json.ts";
import { loadTokenizer, tokenizerFile } from "./load-tokenizer.ts";
import type { OnLoadProgress } from "../util/load-progress.ts";

/** The part of a model that turns text into ids and back; a model may lack all of it. */
export interface ModelText {
  readonly tokenizer?: Tokenizer;
  readonly specialTokens: SpecialTokens;
  readonly templates?: ChatTemplateSource;
}

export interface ModelTextOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told of the phase "tokenizer". */
  readonly onProgress?: OnLoadProgress | undefined;
}

/** With thousands of added tokens tokenizer_config.json has a megabyte. */
const maxConfigBytes = 16 * 2 ** 20;

/** Reads a model's tokenizer and chat templates; needs no weights. Throws FormatError for files that are malformed, AbortedError. */
export async function loadModelText(folder: Folder, options: ModelTextOptions = {}): Promise<ModelText> {
  const { signal, onProgress } = options;
  const names = await folder.list();
  const content = async (name: string): Promise<string | undefined> =>
    names.includes(name) ? readText(folder, name, signal) : undefined;
  const json = async (name: string): Promise<unknown> => {
    if (!names.includes(name)) return undefined;
    return parseJson(await readFile(folder, name, { maxBytes: maxConfigBytes, signal }), `${folder.label}/${name}`);
  };
  const tokenizerConfig = await json("tokenizer_config.json");
  const templates = findChatTemplate({
    jinja: await content("chat_template.jinja"),
    json: await json("chat_template.json"),
    tokenizerConfig,
  });
  const bytesTotal = onProgress && names.includes(tokenizerFile) ? await sizeOf(folder, tokenizerFile) : 0;
  onProgress?.({ phase: "tokenizer", bytesDone: 0, bytesTotal });
  const tokenizer = await loadTokenizer(folder, signal);
  const text: ModelText = {
    specialTokens: parseSpecialTokens(tokenizerConfig, await json("special_tokens_map.json")),
    ...(templates !== undefined && { templates }),
    ...(tokenizer !== undefined && { tokenizer }),
  };
  onProgress?.({ phase: "tokenizer", bytesDone: bytesTotal, bytesTotal });
  return text;
}

async function sizeOf(folder: Folder, name: string): Promise<number> {
  await using source = await folder.open(name);
  return source.size;
}

/** A model's templates, parsed when they are first needed. */
export class ChatRenderer {
  readonly #text: ModelText;
  readonly #parsed = new Map<string, ChatTemplate>();

  constructor(text: ModelText) {
    this.#text = text;
  }

  /** Throws RequestError for a model without a template, FormatError for a template that is malformed. */
  template(withTools: boolean): ChatTemplate {
    const { templates, specialTokens } = this.#text;
    if (templates === undefined) {
      throw new RequestError("the model has no chat template; give a whole prompt to generate()");
    }
    const source = withTools ? (templates.toolUse ?? templates.chat) : templates.chat;
    let template = this.#parsed.get(source);
    if (template === undefined) {
      template = createChatTemplate(source, specialTokens);
      this.#parsed.set(source, template);
    }
    return template;
  }
}
