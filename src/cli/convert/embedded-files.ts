import type { Checkpoint } from "../../checkpoint/checkpoint.ts";
import type { EmbeddedText } from "../../formats/ggml/gguf-text.ts";
import type { Conversion } from "../../quantize/plan-conversion.ts";
import type { OutputFolder } from "../../quantize/write-conversion.ts";
import { writeTokenizerJson } from "../../text/tokenizer/json/write-tokenizer-json.ts";
import type { JsonObject, JsonValue } from "../../util/json.ts";
import type { FloatType } from "../../weights/packed-weight.ts";
import type { Terminal } from "../terminal.ts";

/** What transformers call float types. */
const torchTypes: Readonly<Record<FloatType, string>> = { f32: "float32", f16: "float16", bf16: "bfloat16" };

/**
 * Writes what a file of ggml has inside and a folder of safetensors has beside its weights: config.json, generation_config.json, and, where
 * the file has a tokenizer that is read, tokenizer.json and tokenizer_config.json. Gives their names.
 */
export async function writeEmbeddedFiles(
  checkpoint: Checkpoint,
  conversion: Conversion,
  floats: FloatType,
  out: OutputFolder,
  terminal: Terminal,
): Promise<readonly string[]> {
  const { config = {} } = checkpoint;
  const { quantizationConfig } = conversion;
  const contents = new Map<string, string>();
  const put = (name: string, value: JsonObject): void => void contents.set(name, `${JSON.stringify(value, null, 2)}\n`);
  put("config.json", {
    ...config,
    ...biasesOf(config, conversion),
    torch_dtype: torchTypes[floats],
    ...(quantizationConfig && { quantization_config: quantizationConfig }),
  });
  if (quantizationConfig?.quant_method === "gptq") put("quantize_config.json", quantizationConfig);
  const ends = Object.entries(config).filter(([key]) => /^(bos|eos)_token_id$/.test(key));
  if (ends.length > 0) put("generation_config.json", Object.fromEntries(ends));
  const text = checkpoint.embeddedText();
  if (text?.tokenizer === undefined)
    terminal.warn("the file has no tokenizer that is read; the folder will have none, and token ids alone work");
  else {
    contents.set("tokenizer.json", writeTokenizerJson(text.tokenizer));
    put("tokenizer_config.json", tokenizerConfigOf(text));
  }
  for (const [name, content] of contents)
    await out.write(name, (sink) => Promise.resolve(sink(new TextEncoder().encode(content))));
  return [...contents.keys()];
}

function tokenizerConfigOf({ specialTokens, templates }: EmbeddedText): JsonObject {
  const template: JsonValue | undefined =
    templates?.toolUse === undefined
      ? templates?.chat
      : [
          { name: "default", template: templates.chat },
          { name: "tool_use", template: templates.toolUse },
        ];
  return {
    tokenizer_class: "PreTrainedTokenizerFast",
    clean_up_tokenization_spaces: false,
    ...Object.fromEntries(Object.entries(specialTokens).filter(([, token]) => typeof token === "string")),
    ...(template !== undefined && { chat_template: template }),
  };
}

/** Llama's linears have biases where its config says so; files of ggml say it by having them. */
function biasesOf({ model_type: type }: JsonObject, { modules }: Conversion): JsonObject {
  if (type !== "llama") return {};
  const names = modules.flat().map(({ name }) => name);
  return {
    ...(names.some((name) => name.endsWith(".self_attn.q_proj.bias")) && { attention_bias: true }),
    ...(names.some((name) => name.endsWith(".mlp.down_proj.bias")) && { mlp_bias: true }),
  };
}
