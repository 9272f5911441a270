import type { RopeSpec, RopeVariant } from "../device/program.ts";
import { UnsupportedError } from "../util/errors.ts";
import type { ConfigReader } from "./config-reader.ts";
import { caps } from "./decoder-config.ts";

/** A model's rotary positions, and where LongRoPE changes over. */
export interface ModelRope {
  readonly spec: RopeSpec;
  /** Sequences longer than this use variant 1; absent: there is one variant. */
  readonly switchLength?: number;
}

const factors = { min: 1e-6, max: 1e6 };

/**
 * Rotary positions without scaling: pair i of `rotaryDim` elements turns by base ** (-2i / rotaryDim) a position. For classes
 * that state a base in a key of their own. Throws UnsupportedError for elements that do not make pairs.
 */
export function plainRope(base: number, rotaryDim: number): ModelRope {
  if (rotaryDim < 2 || rotaryDim % 2 !== 0)
    throw new UnsupportedError(`a rope of ${rotaryDim} elements is not supported; they rotate in pairs`);
  return single(frequenciesOf(base, rotaryDim));
}

export interface RopeDefaults {
  /** Of the class, where the file has none; absent: 10,000. */
  readonly base?: number;
  /** Share of a head that rotates; absent: 1. */
  readonly partial?: number;
  /** What the class calls `rope_theta` and `partial_rotary_factor`. */
  readonly baseKey?: string;
  readonly partialKey?: string;
  /** The entry of `rope_parameters` for these layers, where it has one per type of layer ("full_attention"). */
  readonly layerType?: string;
  /** True: `rope_scaling` is about other layers. */
  readonly isUnscaled?: boolean;
}

/**
 * Reads the rotary positions of a config in either style: `rope_theta` and `rope_scaling` (with `rope_type` or `type`) at the top,
 * or all of it in `rope_parameters`.
 *
 * Frequencies follow transformers' modeling_rope_utils.py (5.x), each operation rounded to f32 as torch rounds it, since at position
 * 100,000 the last bit of a frequency turns a pair by 0.006. FormatError: a key is missing or wrong; UnsupportedError: another kind of scaling.
 */
export function readRope(
  config: ConfigReader,
  headDim: number,
  contextLength: number,
  defaults: RopeDefaults = {},
): ModelRope {
  const { baseKey = "rope_theta", partialKey = "partial_rotary_factor", layerType, isUnscaled = false } = defaults;
  const parameters = config.optionalObject("rope_parameters");
  const ofLayers =
    layerType !== undefined && parameters?.has(layerType) ? parameters.optionalObject(layerType) : parameters;
  const rope = ofLayers ?? (isUnscaled ? undefined : config.optionalObject("rope_scaling"));
  const base =
    rope?.optionalNumber("rope_theta", caps.ropeBase) ??
    config.number(baseKey, caps.ropeBase, defaults.base ?? 10_000);
  const share = { min: 0, max: 1 };
  const partial =
    rope?.optionalNumber("partial_rotary_factor", share) ?? config.number(partialKey, share, defaults.partial ?? 1);
  const rotaryDim = Math.floor(headDim * partial);
  if (rotaryDim === 0 || rotaryDim % 2 !== 0) {
    if (partial === 1) config.refuse("head_dim", "an even number of elements, which rotate in pairs", headDim);
    config.refuse(partialKey, `what rotates an even number of a head's ${headDim} elements`, partial);
  }
  const frequencies = frequenciesOf(base, rotaryDim);

  if (rope === undefined) return single(frequencies);
  const typeKey = rope.optionalString("rope_type") === undefined ? "type" : "rope_type";
  switch (rope.optionalString(typeKey)) {
    case undefined:
    case "default":
      return single(frequencies);
    case "linear":
      return single(interpolate(frequencies, rope.number("factor", factors)));
    case "llama3":
      return single(llama3Frequencies(frequencies, rope, originalLength(config, rope)));
    case "yarn":
      return yarnRope(base, rotaryDim, rope, contextLength);
    case "longrope":
    case "su": // the name that the first Phi-3 configs used
      return longRope(base, rotaryDim, rope, contextLength, originalLength(config, rope));
    default:
      return rope.refuse(typeKey, "default, linear, llama3, longrope, yarn");
  }
}

function single(inverseFrequencies: Float32Array, scale = 1): ModelRope {
  return { spec: { rotaryDim: 2 * inverseFrequencies.length, variants: [{ inverseFrequencies, scale }] } };
}

/** base ** (-2i / rotaryDim). */
function frequenciesOf(base: number, rotaryDim: number): Float32Array {
  return powersOf(base, rotaryDim).map((power) => 1 / power);
}

/** base ** (2i / rotaryDim). */
function powersOf(base: number, rotaryDim: number): Float32Array {
  return Float32Array.from({ length: rotaryDim / 2 }, (_, i) =>
    Math.pow(Math.fround(base), Math.fround((2 * i) / rotaryDim)),
  );
}

function interpolate(frequencies: Float32Array, factor: number): Float32Array {
  return frequencies.map((frequency) => frequency / Math.fround(factor));
}

/** The key at the top goes before that inside, as in transformers: Phi-3 files have it there. */
function originalLength(config: ConfigReader, rope: ConfigReader): number {
  const key = "original_max_position_embeddings";
  return config.optionalInteger(key, caps.positions) ?? rope.integer(key, caps.positions);
}

/**
 * Llama 3.1: frequencies that turn at least `high_freq_factor` times within the original length stay, those that turn at most
 * `low_freq_factor` times are divided by `factor`, and those between are blended.
 */
function llama3Frequencies(frequencies: Float32Array, rope: ConfigReader, original: number): Float32Array {
  const factor = rope.number("factor", factors);
  const low = rope.number("low_freq_factor", factors);
  const high = rope.number("high_freq_factor", factors);
  if (high <= low) rope.fail("high_freq_factor", `a number above low_freq_factor, which is ${low}`);
  const f = Math.fround;
  return frequencies.map((frequency) => {
    const wavelength = f(f(1 / frequency) * f(2 * Math.PI));
    if (wavelength < f(original / high)) return frequency;
    if (wavelength > f(original / low)) return frequency / f(factor);
    const smooth = f(f(f(f(1 / wavelength) * original) - f(low)) / f(high - low));
    return f(f(f(1 - smooth) * frequency) / f(factor)) + f(smooth * frequency);
  });
}

/**
 * YaRN: pairs that turn at least `beta_fast` times within the original length keep their frequency, those that turn at most `beta_slow`
 * times have it divided by `factor`, and those between are blended in a straight line over their index. Cosine and sine are scaled by
 * 0.1 ln(factor) + 1 unless the config says otherwise.
 */
function yarnRope(base: number, rotaryDim: number, rope: ConfigReader, contextLength: number): ModelRope {
  const original = rope.integer("original_max_position_embeddings", caps.positions, contextLength);
  const factor = rope.number("factor", factors, contextLength / original);
  const mscale = rope.optionalNumber("mscale", { min: 0, max: 1e6 });
  const mscaleAll = rope.optionalNumber("mscale_all_dim", { min: 0, max: 1e6 });
  const scaleOf = (weight: number): number => (factor <= 1 ? 1 : 0.1 * weight * Math.log(factor) + 1);
  const usual = mscale && mscaleAll ? scaleOf(mscale) / scaleOf(mscaleAll) : scaleOf(1);
  const scale = rope.number("attention_factor", factors, usual);

  /** The index, a fraction, of the pair that turns so often within the original length. */
  const indexOf = (turns: number): number =>
    (rotaryDim * Math.log(original / (turns * 2 * Math.PI))) / (2 * Math.log(base));
  const isWhole = rope.boolean("truncate", true);
  const fast = indexOf(rope.number("beta_fast", factors, 32));
  const slow = indexOf(rope.number("beta_slow", factors, 1));
  const low = Math.max(isWhole ? Math.floor(fast) : fast, 0);
  const high = Math.min(isWhole ? Math.ceil(slow) : slow, rotaryDim - 1);
  // transformers steps around a division by zero in the same way.
  const width = high === low ? 0.001 : high - low;

  const f = Math.fround;
  const frequencies = powersOf(base, rotaryDim).map((power, i) => {
    const divided = f(Math.min(Math.max(f(f(i - f(low)) / f(width)), 0), 1));
    const kept = f(1 - divided);
    return f(f(1 / f(f(factor) * power)) * f(1 - kept)) + f(f(1 / power) * kept);
  });
  return single(frequencies, scale);
}

/**
 * LongRoPE (Phi-3): every frequency has a divisor of its own, one set for sequences within the original length, one for longer ones.
 * Cosine and sine are scaled by sqrt(1 + ln(factor) / ln(original)), with factor = context length / original, unless the config says otherwise.
 */
function longRope(
  base: number,
  rotaryDim: number,
  rope: ConfigReader,
  contextLength: number,
  original: number,
): ModelRope {
  const factor = rope.optionalNumber("factor", factors) ?? contextLength / original;
  const usual = factor <= 1 || original === 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original));
  const scale = rope.number("attention_factor", factors, usual);
  const powers = powersOf(base, rotaryDim);
  const variant = (divisorsKey: string, scaleKey: string): RopeVariant => {
    const divisors = Float32Array.from(rope.numbers(divisorsKey, rotaryDim / 2, factors));
    return {
      inverseFrequencies: powers.map((power, i) => 1 / Math.fround(divisors[i] * power)),
      scale: rope.number(scaleKey, factors, scale),
    };
  };
  return {
    spec: {
      rotaryDim,
      variants: [variant("short_factor", "short_mscale"), variant("long_factor", "long_mscale")],
    },
    switchLength: original,
  };
}
