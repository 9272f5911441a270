import type { JsonObject } from "../../util/json.ts";
import { headsOf, type GgmlModel } from "./ggml-model.ts";
import { ggufArchitecture } from "./gguf-architecture.ts";
import { ggufConfig, type GgufFacts } from "./gguf-config.ts";
import { ggufExpert, ggufName, ggufSharedRows } from "./gguf-names.ts";

/**
 * The model of a GGUF file; undefined: it holds none, but tensors or a vocabulary by themselves. An architecture that is not known gets a
 * config of its name alone, so that the file can be looked at, and to run it is refused by that name. Throws as ggufConfig.
 */
export function ggufModel(facts: GgufFacts): GgmlModel | undefined {
  const name = facts.metadata.string("general.architecture");
  if (name === undefined || !facts.metadata.has(`${name}.block_count`)) return undefined;
  const architecture = ggufArchitecture(name, (facts.metadata.count(`${name}.expert_count`) ?? 0) > 0);
  if (architecture === undefined) {
    const config: JsonObject = Object.assign(Object.create(null) as JsonObject, { architectures: [name] });
    return { config, nameOf: () => undefined, pairedHeads: () => undefined };
  }
  const config = ggufConfig(name, architecture, facts);
  return {
    config,
    hasNormsPlusOne: architecture.hasNormsPlusOne ?? false,
    nameOf: (module) => ggufName(module, architecture),
    expertOf: ggufExpert,
    sharedRowsOf(module) {
      const { num_attention_heads: heads, num_key_value_heads: kvHeads, hidden_size: hiddenSize } = config;
      if (typeof heads !== "number" || typeof kvHeads !== "number" || typeof hiddenSize !== "number") return undefined;
      const { head_dim: headDim = hiddenSize / heads } = config;
      return typeof headDim === "number" ? ggufSharedRows(module, { heads, kvHeads, headDim }) : undefined;
    },
    pairedHeads: (module) => (architecture.pairRows ? headsOf(module, config) : undefined),
  };
}
