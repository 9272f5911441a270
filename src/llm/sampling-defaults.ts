import type { SamplingParameters } from "../device/sampling.ts";
import { quote } from "../util/quote.ts";
import type { Warn } from "../util/warn-once.ts";

/** Some of the sampling parameters; undefined counts as left out. */
export type SamplingChoices = { readonly [Name in keyof SamplingParameters]?: SamplingParameters[Name] | undefined };

/** What fewbit samples with where neither the request nor the model says: a little cooler than the model's own distribution. */
const fallback: SamplingChoices = { temperature: 0.7, topP: 0.95 };

type NumberName = Exclude<keyof SamplingParameters, "logitBias">;

interface Setting {
  readonly name: NumberName;
  /** Writers put these for "off". */
  readonly off?: number;
  readonly accepts: (value: number) => boolean;
}

const settings: Readonly<Record<string, Setting>> = {
  temperature: { name: "temperature", accepts: (value) => value >= 0 },
  top_k: { name: "topK", off: -1, accepts: (value) => Number.isInteger(value) && value >= 0 },
  top_p: { name: "topP", accepts: (value) => value > 0 && value <= 1 },
  min_p: { name: "minP", accepts: (value) => value >= 0 && value <= 1 },
  typical_p: { name: "typicalP", accepts: (value) => value > 0 && value <= 1 },
  repetition_penalty: { name: "repetitionPenalty", accepts: (value) => value > 0 },
};

/**
 * How a model wants to be sampled, from its generation_config.json.
 *
 * `do_sample: false` is greedy, `do_sample: true` without a temperature is 1. A file that says nothing of sampling gets temperature 0.7
 * and top-p 0.95. Penalties count in every case. What the file leaves out is off (not transformers' top-k of 50); a value that makes no
 * sense is left out with a warning.
 */
export function samplingDefaults(generationConfig: Readonly<Record<string, unknown>>, warn: Warn): SamplingChoices {
  const found: Partial<Record<NumberName, number>> = {};
  for (const [key, { name, off, accepts }] of Object.entries(settings)) {
    const value = generationConfig[key] ?? undefined;
    if (value === undefined || value === off) continue;
    if (typeof value === "number" && Number.isFinite(value) && accepts(value)) found[name] = value;
    else warn(`generation_config.json: ${key} is ${quote(JSON.stringify(value))}, which makes no sense and is ignored`);
  }
  const { do_sample: samples } = generationConfig;
  if (samples === false) return { ...found, temperature: 0 };
  if (samples === true) return { temperature: 1, ...found };
  const saysHow = found.temperature !== undefined || found.topK !== undefined || found.topP !== undefined;
  return saysHow ? { temperature: 1, ...found } : { ...fallback, ...found };
}
