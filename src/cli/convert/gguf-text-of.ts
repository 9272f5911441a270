import type { Checkpoint } from "../../checkpoint/checkpoint.ts";
import type { MetadataField } from "../../containers/gguf/write-gguf.ts";
import { ggufTextFields } from "../../formats/ggml/gguf-tokenizer-fields.ts";
import type { Folder } from "../../io/folder.ts";
import { endOfTurnIds } from "../../llm/end-of-turn-ids.ts";
import { loadChatText } from "../../llm/load-chat-text.ts";
import { createModel } from "../../models/models.ts";
import { buildTokenizer } from "../../text/tokenizer/build-tokenizer.ts";
import { parseTokenizerJson } from "../../text/tokenizer/json/parse-tokenizer-json.ts";
import type { TokenizerData } from "../../text/tokenizer/tokenizer-data.ts";
import type { Terminal } from "../terminal.ts";

/** A model's tokenizer and chat templates as metadata of GGUF; without a tokenizer a warning, and none: then only token ids work. */
export async function ggufTextOf(
  checkpoint: Checkpoint,
  folder: Folder,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, MetadataField>> {
  const embedded = checkpoint.embeddedText();
  const tokenizer = embedded?.tokenizer ?? (await tokenizerBeside(checkpoint));
  if (tokenizer === undefined) {
    terminal.warn("the model has no tokenizer; the file will have none, and llama.cpp will not run it");
    return new Map();
  }
  const { specialTokens, templates } = await loadChatText(folder, embedded, signal);
  const { vocabSize } = createModel(checkpoint.config, checkpoint.configLabel);
  const endIds = endOfTurnIds({
    generationConfig: checkpoint.generationConfig ?? {},
    config: checkpoint.config ?? {},
    ...{ specialTokens, vocabSize },
    tokenizer: buildTokenizer(tokenizer),
  });
  return ggufTextFields({ tokenizer, specialTokens, templates, endIds }, vocabSize, terminal.warn);
}

async function tokenizerBeside(checkpoint: Checkpoint): Promise<TokenizerData | undefined> {
  const text = await checkpoint.readText("tokenizer.json");
  return text === undefined
    ? undefined
    : parseTokenizerJson(new TextEncoder().encode(text), `${checkpoint.label}/tokenizer.json`);
}
