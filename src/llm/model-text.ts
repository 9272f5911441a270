import type { EmbeddedText } from "../formats/ggml/gguf-text.ts";
import type { Folder } from "../io/folder.ts";
import { createChatTemplate, type ChatTemplate } from "../text/chat-template.ts";
import type { Tokenizer } from "../text/tokenizer/tokenizer.ts";
import { RequestError } from "../util/errors.ts";
import type { OnLoadProgress } from "../util/load-progress.ts";
import { loadChatText, type ChatText } from "./load-chat-text.ts";
import { loadTokenizer, tokenizerFile } from "./load-tokenizer.ts";

/** The part of a model that turns text into ids and back; a model may lack all of it. */
export interface ModelText extends ChatText {
  readonly tokenizer?: Tokenizer;
}

export interface ModelTextOptions {
  /** What the file of the weights holds of it. */
  readonly embedded?: EmbeddedText | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told of the phase "tokenizer". */
  readonly onProgress?: OnLoadProgress | undefined;
}

/** Reads a model's tokenizer and chat templates; needs no weights. Throws FormatError for files that are malformed, AbortedError. */
export async function loadModelText(folder: Folder, options: ModelTextOptions = {}): Promise<ModelText> {
  const { embedded, signal, onProgress } = options;
  const chatText = await loadChatText(folder, embedded, signal);
  const hasTokenizer = (await folder.list()).includes(tokenizerFile);
  const bytesTotal = onProgress && hasTokenizer ? await sizeOf(folder, tokenizerFile) : 0;
  onProgress?.({ phase: "tokenizer", bytesDone: 0, bytesTotal });
  const tokenizer = await loadTokenizer(folder, embedded, signal);
  onProgress?.({ phase: "tokenizer", bytesDone: bytesTotal, bytesTotal });
  return { ...chatText, ...(tokenizer !== undefined && { tokenizer }) };
}

async function sizeOf(folder: Folder, name: string): Promise<number> {
  await using source = await folder.open(name);
  return source.size;
}

/** A model's templates, parsed when they are first needed. */
export class ChatRenderer {
  readonly #text: ChatText;
  readonly #parsed = new Map<string, ChatTemplate>();

  constructor(text: ChatText) {
    this.#text = text;
  }

  /** The template's own text. Throws RequestError for a model without a template. */
  source(withTools: boolean): string {
    const { templates } = this.#text;
    if (templates === undefined) {
      throw new RequestError("the model has no chat template: give a whole prompt in place of messages");
    }
    return withTools ? (templates.toolUse ?? templates.chat) : templates.chat;
  }

  /** Throws RequestError for a model without a template, FormatError for a template that is malformed. */
  template(withTools: boolean): ChatTemplate {
    const { specialTokens } = this.#text;
    const source = this.source(withTools);
    let template = this.#parsed.get(source);
    if (template === undefined) {
      template = createChatTemplate(source, specialTokens);
      this.#parsed.set(source, template);
    }
    return template;
  }
}
