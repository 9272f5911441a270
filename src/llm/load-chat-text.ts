import { readFile, readText } from "../checkpoint/read-file.ts";
import type { EmbeddedText } from "../formats/ggml/gguf-text.ts";
import type { Folder } from "../io/folder.ts";
import { findChatTemplate, type ChatTemplateSource } from "../text/chat-template-source.ts";
import { parseSpecialTokens, type SpecialTokens } from "../text/special-tokens.ts";
import { parseJson } from "../util/json.ts";

/** What turns a conversation into text; a model may lack the templates. */
export interface ChatText {
  readonly specialTokens: SpecialTokens;
  readonly templates?: ChatTemplateSource;
}

/** With thousands of added tokens tokenizer_config.json has a megabyte. */
const maxConfigBytes = 16 * 2 ** 20;

/**
 * A model's chat templates and the tokens that they name, those in the file of its weights before what lies beside it; needs neither
 * tokenizer nor weights. Throws FormatError, AbortedError.
 */
export async function loadChatText(
  folder: Folder,
  embedded: EmbeddedText | undefined,
  signal: AbortSignal | undefined,
): Promise<ChatText> {
  if (embedded?.templates !== undefined)
    return { specialTokens: embedded.specialTokens, templates: embedded.templates };
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
  return {
    specialTokens: {
      ...parseSpecialTokens(tokenizerConfig, await json("special_tokens_map.json")),
      ...embedded?.specialTokens,
    },
    ...(templates !== undefined && { templates }),
  };
}
