import { describe, expect, test } from "vitest";
import { FormatError, UnsupportedError } from "../util/errors.ts";
import { ConfigReader } from "./config-reader.ts";
import { plainRope, readRope } from "./rope.ts";

const read = (config: object, headDim = 16, contextLength = 128) =>
  readRope(new ConfigReader(config, "config.json"), headDim, contextLength);
const frequencies = (config: object) => [...read(config).spec.variants[0].inverseFrequencies];
const f32 = Math.fround;

/** What torch computed for base 10000 and 16 elements: the `rotary_emb.inv_freq` that files of Llama 1 carry. */
const stored = [
  1, 0.3162277638912201, 0.10000000149011612, 0.03162277862429619, 0.009999999776482582, 0.003162277862429619,
  0.0010000000474974513, 0.0003162277862429619,
];

const shortFactor = [1.05, 1.1, 1.15, 1.2, 1.3, 1.45, 1.6, 1.9];
const longFactor = [1.1, 1.4, 2.1, 3.3, 4.8, 7, 10.5, 14];
const longrope = { type: "longrope", short_factor: shortFactor, long_factor: longFactor };

describe("plainRope", () => {
  test("is what a config without scaling says", () => {
    expect(plainRope(500_000, 16)).toEqual(read({ rope_theta: 500_000 }));
  });

  test.each([0, 7])("%d elements are no pairs", (rotaryDim) => {
    expect(() => plainRope(10_000, rotaryDim)).toThrow(UnsupportedError);
  });
});

describe("readRope", () => {
  test("without keys: base 10000, every element, the frequencies that torch stored", () => {
    const { spec, switchLength } = read({});
    expect(spec).toMatchObject({ rotaryDim: 16, variants: [{ scale: 1 }] });
    expect(switchLength).toBeUndefined();
    expect(frequencies({})).toEqual(stored);
  });

  test("the two styles of config say the same", () => {
    const old = { rope_theta: 500000, rope_scaling: { type: "linear", factor: 2.5 } };
    const recent = { rope_parameters: { rope_type: "linear", factor: 2.5, rope_theta: 500000 } };
    expect(frequencies(old)).toEqual(frequencies(recent));
    expect(frequencies({ rope_theta: 500000, rope_scaling: null })[1]).toBeCloseTo(500000 ** (-2 / 16), 7);
    expect(frequencies({ rope_scaling: { rope_type: "default" } })).toEqual(frequencies({}));
  });

  test("linear divides every frequency", () => {
    const linear = { rope_scaling: { type: "linear", factor: 2.5 } };
    expect(frequencies(linear)).toEqual(frequencies({}).map((frequency) => f32(frequency / 2.5)));
  });

  test("llama3 keeps the fast, divides the slow and blends those between", () => {
    const scaling = { factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 64 };
    const plain = frequencies({ rope_theta: 500000 });
    const scaled = frequencies({ rope_theta: 500000, rope_scaling: { rope_type: "llama3", ...scaling } });
    // Within 64 positions pair 0 turns 10.2 times, pair 1 turns 1.98 times, pair 2 turns 0.38 times.
    expect(scaled[0]).toBe(plain[0]);
    const smooth = ((64 * plain[1]) / (2 * Math.PI) - 1) / 3;
    expect(scaled[1]).toBeCloseTo(((1 - smooth) * plain[1]) / 8 + smooth * plain[1], 7);
    expect(scaled.slice(2)).toEqual(plain.slice(2).map((frequency) => f32(frequency / 8)));
  });

  test("longrope has two variants, a common scale and the length where they change over", () => {
    const { spec, switchLength } = read({ original_max_position_embeddings: 16, rope_scaling: longrope });
    expect(switchLength).toBe(16);
    expect(spec.variants.map(({ scale }) => scale)).toEqual(Array(2).fill(Math.sqrt(1 + Math.log(8) / Math.log(16))));
    [shortFactor, longFactor].forEach((factors, variant) => {
      const { inverseFrequencies } = spec.variants[variant];
      factors.forEach((factor, i) => expect(inverseFrequencies[i]).toBeCloseTo(stored[i] / factor, 6));
    });
  });

  test("longrope: stated scales go before the computed one, the name su is as good", () => {
    const scales = (extra: object) =>
      read({ rope_scaling: { ...longrope, type: "su", original_max_position_embeddings: 16, ...extra } }).spec.variants.map(
        ({ scale }) => scale,
      );
    expect(scales({ attention_factor: 1.25 })).toEqual([1.25, 1.25]);
    expect(scales({ short_mscale: 1.1, long_mscale: 1.3 })).toEqual([1.1, 1.3]);
    expect(scales({ factor: 16 })).toEqual(Array(2).fill(Math.sqrt(2)));
  });

  test("partial_rotary_factor turns the first elements only", () => {
    expect(read({ partial_rotary_factor: 0.75 }, 128).spec).toMatchObject({ rotaryDim: 96 });
    expect(read({ rope_parameters: { partial_rotary_factor: 0.5 } }).spec).toMatchObject({ rotaryDim: 8 });
    const odd = () => read({ partial_rotary_factor: 0.2 });
    expect(odd).toThrow(UnsupportedError);
    expect(odd).toThrow("partial_rotary_factor: 0.2 is not supported; supported: what rotates an even number");
  });

  test("an odd head is the head's fault where all of it rotates", () => {
    expect(() => read({}, 15)).toThrow("head_dim: 15 is not supported; supported: an even number of elements");
  });

  test.each(["dynamic", "mrope"])("refuses %s by name", (type) => {
    const refused = () => read({ rope_scaling: { type, factor: 4 } });
    expect(refused).toThrow(UnsupportedError);
    expect(refused).toThrow(`rope_scaling: type: "${type}" is not supported; supported: default, linear, llama3, longrope`);
  });

  test.each([
    [{ rope_theta: 0 }, "rope_theta"],
    [{ rope_scaling: "linear" }, "rope_scaling: expected an object"],
    [{ rope_scaling: { type: "linear" } }, "rope_scaling: factor: expected a number"],
    [{ rope_scaling: longrope }, "original_max_position_embeddings: expected an integer"],
    [
      { original_max_position_embeddings: 16, rope_scaling: { ...longrope, long_factor: [1] } },
      "long_factor: expected a list of 8 numbers",
    ],
    [
      {
        original_max_position_embeddings: 64,
        rope_scaling: { type: "llama3", factor: 8, low_freq_factor: 4, high_freq_factor: 4 },
      },
      "high_freq_factor: expected a number above low_freq_factor, which is 4, found 4",
    ],
  ])("refuses %j", (config, message) => {
    expect(() => read(config)).toThrow(FormatError);
    expect(() => read(config)).toThrow(message);
  });
});
