import { describe, expect, test } from "vitest";
import { seededRandom } from "../../../test/support/seeded-random.ts";
import { type FewbitError, FormatError, RequestError, UnsupportedError } from "../../util/errors.ts";
import { dequantize } from "../../weights/dequantize.ts";
import { describeSummary, summarize, type MixedAffineWeight } from "../../weights/packed-weight.ts";
import { decodeModule, halves, range, tensor, wordsOf, type DecodeOptions } from "../format-test-kit.ts";
import type { TensorData } from "../weight-format.ts";

/** [bits, inputs, words] of each group. */
type Group = readonly [bits: number, inputs: number, words: number];

/** Words of an LSB stream, through one long integer: slow, and nothing of ours. The last word may have bits left over. */
function streamOf(codes: readonly number[], bits: number): number[] {
  let stream = 0n;
  codes.forEach((code, i) => (stream |= BigInt(code) << BigInt(bits * i)));
  return range(Math.ceil((codes.length * bits) / 32)).map((w) => Number((stream >> BigInt(32 * w)) & 0xffffffffn));
}

interface Built {
  readonly tensors: readonly TensorData[];
  /** [outputs][inputs] of the first `outputs` columns. */
  readonly values: (outputs: number) => number[];
}

function build(groups: readonly Group[], columns: number, { seed = 1, ordered = false } = {}): Built {
  const random = seededRandom(seed);
  const inFeatures = groups.reduce((sum, [, inputs]) => sum + inputs, 0);
  const rowOf = range(inFeatures); // packed row of each input
  if (!ordered) {
    for (let i = inFeatures - 1; i > 0; i--) {
      const j = random(i + 1);
      [rowOf[i], rowOf[j]] = [rowOf[j], rowOf[i]];
    }
  }
  const codes = groups.map(([bits, inputs]) => range(columns).map(() => range(inputs).map(() => random(2 ** bits))));
  const nibbles = groups.map(() => range(columns).map(() => random(16)));
  const maxima = groups.map(() => (1 + random(200)) / 64); // exact in fp16
  const words = groups.flatMap(([bits, , count], g) => {
    const streams = codes[g].map((column) => streamOf(column, bits));
    return range(count).flatMap((w) => streams.map((stream) => stream[w]));
  });
  const starts = groups.map((_, g) => groups.slice(0, g).reduce((sum, [, , count]) => sum + count, 0));
  const rows = groups.flatMap(([bits, inputs], g) =>
    range(inputs).map((j) =>
      range(columns).map((n) => (codes[g][n][j] - 2 ** (bits - 1)) * ((nibbles[g][n] + 1) ** 2 * (maxima[g] / 256))),
    ),
  );
  return {
    tensors: [
      tensor("layer.q_weight", "I32", [words.length / columns, columns], Uint32Array.from(words)),
      tensor("layer.q_groups", "I16", [2 * groups.length], Uint16Array.from(groups.flatMap(([bits], g) => [bits, starts[g]]))), // prettier-ignore
      tensor("layer.q_scale", "I32", [groups.length, columns / 8], wordsOf(nibbles.flat(), 4)),
      tensor("layer.q_scale_max", "F16", [groups.length], halves(maxima)),
      tensor("layer.q_invperm", "I32", [inFeatures], Int32Array.from(rowOf)),
    ],
    values: (outputs) => range(outputs).flatMap((n) => rowOf.map((r) => Math.fround(rows[r][n]))),
  };
}

const decode = (tensors: readonly TensorData[], options: DecodeOptions = {}) => {
  const decoded = decodeModule(tensors, { config: { quant_method: "exl2", bits: 4.25 }, ...options });
  return { ...decoded, weight: decoded.weight as MixedAffineWeight };
};

const mixed: readonly Group[] = [
  [8, 32, 8],
  [6, 64, 12],
  [5, 32, 5],
  [4, 128, 16],
  [3, 32, 3],
  [2, 40, 3], // ragged: the last word is half full
];

/** Zeros of either sign are equal here: the formula has none, f32 has. */
const unsigned = (values: Iterable<number>): number[] => Array.from(values, (value) => value + 0);

describe("every width comes back exactly", () => {
  test.each<readonly [string, readonly Group[]]>([
    ["all of them", mixed],
    ["rising", [...mixed.slice(0, 5)].reverse()],
    ["one group", [[3, 96, 9]]],
    ["one short group", [[5, 7, 2]]],
  ])("%s", (_, groups) => {
    const { tensors, values } = build(groups, 32);
    const { weight, outline, warnings, format } = decode(tensors);
    expect(unsigned(dequantize(weight))).toEqual(unsigned(values(32)));
    expect(format.name).toBe("exl2");
    expect(warnings).toEqual([]);
    const { inFeatures, outFeatures, bits } = summarize(weight);
    expect(outline).toEqual({ scheme: "affine-mixed", inFeatures, outFeatures, bits });
    expect(weight.groups).toEqual(groups.map(([width, inputs]) => ({ bits: width, inputs })));
  });

  test("rows in order have no row order", () => {
    const { tensors, values } = build(mixed, 32, { ordered: true });
    const { weight } = decode(tensors);
    expect(weight.rowOrder).toBeUndefined();
    expect(unsigned(dequantize(weight))).toEqual(unsigned(values(32)));
    expect(describeSummary(summarize(weight))).toBe("4.59-bit affine-mixed, groups of 32, 328 → 32");
  });

  test("the permutation may be there both ways round, of 16 bits too", () => {
    const { tensors, values } = build(mixed, 32);
    const order = decode(tensors).weight.rowOrder ?? new Uint32Array();
    for (const perm of [
      tensor("layer.q_perm", "I16", [328], Uint16Array.from(order)),
      tensor("layer.q_perm", "I32", [328], order),
    ])
      expect(unsigned(dequantize(decode([...tensors, perm]).weight))).toEqual(unsigned(values(32)));
    const other = tensor("layer.q_perm", "I16", [328], Uint16Array.from(order).reverse());
    expect(() => decode([...tensors, other])).toThrow("q_perm[0]");
  });

  test("a checkpoint that declares nothing", () => {
    const { tensors, values } = build(mixed, 32);
    expect(unsigned(dequantize(decodeModule(tensors).weight))).toEqual(unsigned(values(32)));
  });
});

describe("outputs that pad the last 32", () => {
  const { tensors, values } = build(mixed, 64);
  const head = tensors.map((found) => ({ ...found, name: found.name.replace("layer", "lm_head") }));
  const embedding = (rows: number) => tensor("model.embed_tokens.weight", "F16", [rows, 4], new Uint16Array(4 * rows));

  test("a head has as many as the embedding has rows", () => {
    const { weight, outline } = decode([...head, embedding(50)], { module: "lm_head" });
    expect(outline.outFeatures).toBe(50);
    expect(unsigned(dequantize(weight))).toEqual(unsigned(values(50)));
  });

  test("another module, or an embedding that pads to another size, tells nothing", () => {
    expect(decode([...tensors, embedding(50)]).weight.outFeatures).toBe(64);
    expect(decode([...head, embedding(32)], { module: "lm_head" }).weight.outFeatures).toBe(64);
  });

  test("a module has as many as its bias", () => {
    const bias = tensor("layer.bias", "F16", [33], new Uint16Array(33));
    expect(decode([...tensors, bias]).weight.outFeatures).toBe(33);
  });
});

describe("hostile and broken files", () => {
  const { tensors } = build(mixed, 32);
  const replace = (name: string, change: (found: TensorData) => TensorData): readonly TensorData[] =>
    tensors.map((found) => (found.name === `layer.${name}` ? change(found) : found));
  const withGroups = (...pairs: number[]) =>
    replace("q_groups", ({ name }) => tensor(name, "I16", [pairs.length], Uint16Array.from(pairs)));
  const invperm = (change: (values: Int32Array) => void) =>
    replace("q_invperm", ({ name, bytes, shape }) => {
      const values = new Int32Array(bytes.slice().buffer);
      change(values);
      return tensor(name, "I32", shape, values);
    });

  test.each<readonly [string, readonly TensorData[], new (message: string) => FewbitError, string]>([
    ["a width that does not exist", withGroups(8, 0, 7, 8, 5, 20, 4, 25, 3, 41, 2, 44), FormatError, "group 1 of q_groups has 7 bit"],
    ["a width of 0", withGroups(0, 0, 6, 8, 5, 20, 4, 25, 3, 41, 2, 44), FormatError, "has 0 bit"],
    ["a first group that does not begin at 0", withGroups(8, 1, 6, 8, 5, 20, 4, 25, 3, 41, 2, 44), FormatError, "not at 0"],
    ["groups that do not rise", withGroups(8, 0, 6, 20, 5, 8, 4, 25, 3, 41, 2, 44), FormatError, "does not lie behind"],
    ["an empty group", withGroups(8, 0, 6, 8, 5, 20, 4, 20, 3, 41, 2, 44), FormatError, "does not lie behind"],
    ["a last group past the end", withGroups(8, 0, 6, 8, 5, 20, 4, 25, 3, 41, 2, 60000), FormatError, "group 4"],
    ["a group of no whole codes", withGroups(8, 0, 6, 7, 5, 20, 4, 25, 3, 41, 2, 44), FormatError, "no whole number of 6-bit"],
    ["groups of more inputs than there are", withGroups(2, 0, 2, 8, 2, 20, 2, 25, 2, 41, 2, 44), FormatError, "are left"],
    ["a last group of other words than its inputs need", withGroups(8, 0, 6, 8, 5, 20, 4, 25, 3, 41, 8, 44), FormatError, "need 10"],
    ["fewer groups than scales", withGroups(8, 0), FormatError, "numbers of groups differ"],
    ["a row twice", invperm((v) => (v[3] = v[4])), FormatError, "twice"],
    ["a row below 0", invperm((v) => (v[3] = -1)), FormatError, "q_invperm[3] is -1"],
    ["a row past the last", invperm((v) => (v[3] = 328)), FormatError, "q_invperm[3] is 328"],
    ["scales of other columns", replace("q_scale", ({ name }) => tensor(name, "I32", [6, 3], new Uint32Array(18))), FormatError, "8 columns"],
    ["scales of another type", replace("q_scale_max", ({ name }) => tensor(name, "F32", [6], new Float32Array(6))), UnsupportedError, "F32"],
    ["no scales", tensors.filter(({ name }) => !name.endsWith("q_scale")), FormatError, "has no q_scale"],
    ["nothing at all", replace("q_invperm", ({ name }) => tensor(name, "I32", [0], new Int32Array(0))), FormatError, "nothing in it"],
  ])("%s", (_, broken, type, message) => {
    expect(() => decode(broken)).toThrow(type);
    expect(() => decode(broken)).toThrow(message);
  }); // prettier-ignore

  test("a variant that does not exist", () => {
    expect(() => decode(tensors, { checkpointFormat: "gptq" })).toThrow(RequestError);
    expect(decode(tensors, { checkpointFormat: "exl2" }).weight.scheme).toBe("affine-mixed");
  });
});
