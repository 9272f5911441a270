import type { ConfigReader } from "./config-reader.ts";
import { caps } from "./decoder-config.ts";
import type { ExpertsLayer } from "./model.ts";

export interface ExpertChoice {
  readonly count: number;
  readonly choices: number;
}

/** How many experts there are, and how many a token goes through. Throws FormatError for more choices than experts. */
export function readExpertChoice(
  config: ConfigReader,
  defaults: ExpertChoice & { readonly countKey: string },
): ExpertChoice {
  const { countKey } = defaults;
  const count = config.integer(countKey, caps.experts, defaults.count);
  const choices = config.integer("num_experts_per_tok", { min: 1, max: count }, Math.min(defaults.choices, count));
  return { count, choices };
}

/** `norm_topk_prob`: whether the weights of the chosen experts are made to sum up to 1. */
export function readWeighting(config: ConfigReader): ExpertsLayer["weighting"] {
  return config.boolean("norm_topk_prob", false) ? "normalized" : "softmax";
}

/** For every layer whether it has experts, as Qwen states it: all but `mlp_only_layers`, or every `decoder_sparse_step`th. */
export function readSparseLayers(config: ConfigReader, layerCount: number): readonly boolean[] {
  const step = config.integer("decoder_sparse_step", caps.layers, 1);
  const dense = new Set(config.optionalIntegers("mlp_only_layers", { min: 0, max: caps.layers.max }));
  return Array.from({ length: layerCount }, (_, i) => !dense.has(i) && (i + 1) % step === 0);
}
