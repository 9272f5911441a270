import { UnsupportedError } from "../util/errors.ts";
import { quote } from "../util/quote.ts";
import type { Architecture } from "./architecture.ts";
import { ConfigReader } from "./config-reader.ts";
import { gemma } from "./gemma.ts";
import { gemma2 } from "./gemma2.ts";
import { gemma3, gemma3Vision } from "./gemma3.ts";
import { gptNeox } from "./gpt-neox.ts";
import { gptOss } from "./gpt-oss.ts";
import { granite } from "./granite.ts";
import { llama } from "./llama.ts";
import { mistral } from "./mistral.ts";
import { mixtral } from "./mixtral.ts";
import type { Model } from "./model.ts";
import { olmo2 } from "./olmo2.ts";
import { phi } from "./phi.ts";
import { phi3 } from "./phi3.ts";
import { qwen2 } from "./qwen2.ts";
import { qwen2Moe } from "./qwen2-moe.ts";
import { qwen3 } from "./qwen3.ts";
import { qwen3Moe } from "./qwen3-moe.ts";
import { smollm3 } from "./smollm3.ts";
import { stablelm } from "./stablelm.ts";
import { starcoder2 } from "./starcoder2.ts";

export const architectures: readonly Architecture[] = [
  llama,
  mistral,
  mixtral,
  phi,
  phi3,
  qwen2,
  qwen2Moe,
  qwen3,
  qwen3Moe,
  gemma,
  gemma2,
  gemma3,
  gemma3Vision,
  gptNeox,
  gptOss,
  granite,
  olmo2,
  smollm3,
  stablelm,
  starcoder2,
];

/**
 * The model that a parsed config.json describes, by `architectures[0]` or, where a config names none, by `model_type`.
 * `label` says in messages where the config stands.
 *
 * Throws UnsupportedError for an architecture that is not in the list, FormatError for a config that makes no model.
 */
export function createModel(config: unknown, label = "config.json"): Model {
  const reader = new ConfigReader(config, label);
  // A named class decides alone: a LlamaForSequenceClassification has Llama's model_type too, but no head over the vocabulary.
  const name = reader.optionalStrings("architectures")?.[0];
  const modelType = reader.optionalString("model_type");
  const found = architectures.find((architecture) =>
    name === undefined ? architecture.modelType === modelType : architecture.names.includes(name),
  );
  if (found !== undefined) return found.createModel(reader);
  const wanted = name ?? modelType;
  throw new UnsupportedError(
    `${label}: architecture ${wanted === undefined ? "(none named)" : quote(wanted)} is not supported; ` +
      `supported: ${architectures.map((architecture) => architecture.names[0]).join(", ")}`,
  );
}
