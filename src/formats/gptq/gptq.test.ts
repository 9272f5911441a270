import { describe, expect, test } from "vitest";
import { seededRandom } from "../../../test/support/seeded-random.ts";
import { bytesOf } from "../../util/bytes.ts";
import { FewbitError, FormatError, RequestError, UnsupportedError } from "../../util/errors.ts";
import { floatToBfloat16, floatToHalf } from "../../util/float16.ts";
import { parseJsonObject } from "../../util/json.ts";
import { dequantize } from "../../weights/dequantize.ts";
import type { AffineZeroWeight, FloatType } from "../../weights/packed-weight.ts";
import { recogniseFormat } from "../formats.ts";
import type { FormatOverrides, TensorData } from "../weight-format.ts";

/** Widths of streams; planar GPTQ has others too. */
type Bits = 2 | 3 | 4 | 8;

/** A module before packing; every matrix is indexed [row][column] as the name of its rows and columns says. */
interface Module {
  readonly bits: Bits;
  readonly codes: readonly (readonly number[])[]; // [in][out]
  readonly zeros: readonly (readonly number[])[]; // [group][out]
  readonly scales: readonly (readonly number[])[]; // [group][out]
  readonly groupOf: readonly number[]; // [in]
}

type Stored = "gptq" | "gptq_v2" | "legacy";

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Words of an LSB stream, through one long integer: slow, and nothing of ours. */
function streamOf(codes: readonly number[], bits: number): bigint[] {
  let stream = 0n;
  codes.forEach((code, i) => (stream |= BigInt(code) << BigInt(bits * i)));
  return range((codes.length * bits) / 32).map((w) => (stream >> BigInt(32 * w)) & 0xffffffffn);
}

const tensor = (name: string, dtype: string, shape: number[], data: ArrayBufferView): TensorData => ({
  name: `layer.${name}`,
  dtype,
  shape,
  bytes: bytesOf(data),
});

function storedZeros(zeros: readonly number[], bits: Bits, stored: Stored): bigint[] {
  const words = streamOf(zeros, bits);
  if (stored === "gptq_v2") return words;
  if (stored === "legacy") {
    return words.map((word, w) => (word - [0x24924924n, 0x92492492n, 0x49249249n][w % 3]) & 0xffffffffn);
  }
  if (bits === 3)
    return streamOf(
      zeros.map((zero) => (zero + 7) % 8),
      3,
    );
  const ones = { 2: 0x55555555n, 4: 0x11111111n, 8: 0x01010101n }[bits];
  return words.map((word) => (word - ones) & 0xffffffffn);
}

function pack(module: Module, stored: Stored, scaleType: FloatType = "f16"): TensorData[] {
  const { bits, codes, zeros, scales, groupOf } = module;
  const outFeatures = codes[0].length;
  const columns = range(outFeatures).map((n) =>
    streamOf(
      codes.map((row) => row[n]),
      bits,
    ),
  );
  const rows = (codes.length * bits) / 32;
  const qweight = range(rows).flatMap((w) => columns.map((column) => Number(column[w])));
  const qzeros = zeros.flatMap((row) => storedZeros(row, bits, stored).map(Number));
  const flat = scales.flat();
  const floats = {
    f32: () => Float32Array.from(flat),
    f16: () => Uint16Array.from(flat, floatToHalf),
    bf16: () => Uint16Array.from(flat, floatToBfloat16),
  }[scaleType]();
  return [
    tensor("qweight", "I32", [rows, outFeatures], Uint32Array.from(qweight)),
    tensor("qzeros", "I32", [zeros.length, (outFeatures * bits) / 32], Uint32Array.from(qzeros)),
    tensor("scales", scaleType.toUpperCase(), [scales.length, outFeatures], floats),
    tensor("g_idx", "I32", [codes.length], Int32Array.from(groupOf)),
  ];
}

interface RandomModuleOptions {
  readonly bits: Bits;
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly groupSize: number;
  readonly symmetric: boolean;
  readonly actOrder: boolean;
  readonly seed?: number;
}

function randomModule(options: RandomModuleOptions): Module {
  const { bits, inFeatures, outFeatures, groupSize, symmetric, actOrder, seed = 1 } = options;
  const random = seededRandom(seed);
  const size = groupSize === -1 ? inFeatures : groupSize;
  const groups = Math.ceil(inFeatures / size);
  const matrix = (rows: number, value: (row: number, column: number) => number): number[][] =>
    range(rows).map((row) => range(outFeatures).map((column) => value(row, column)));
  const visited = range(inFeatures);
  if (actOrder) {
    for (let i = inFeatures - 1; i > 0; i--) {
      const j = random(i + 1);
      [visited[i], visited[j]] = [visited[j], visited[i]];
    }
  }
  const groupOf = new Array<number>(inFeatures);
  visited.forEach((k, position) => (groupOf[k] = Math.floor(position / size)));
  return {
    bits,
    codes: matrix(inFeatures, () => random(2 ** bits)),
    // The first is 0: less one, it borrows from its neighbour.
    zeros: matrix(groups, (g, n) => (symmetric ? 2 ** (bits - 1) : g + n === 0 ? 0 : random(2 ** bits))),
    scales: matrix(groups, () => (random(255) - 127) / 64), // exact in f16 and bf16
    groupOf,
  };
}

interface DecodeOptions extends FormatOverrides {
  readonly config?: Readonly<Record<string, unknown>> | undefined;
  readonly metadata?: ReadonlyMap<string, string>;
}

function decode(tensors: readonly TensorData[], options: DecodeOptions = {}) {
  const { config, metadata = new Map<string, string>() } = options;
  const byName = new Map(tensors.map((found) => [found.name, found]));
  const declared = config && parseJsonObject(new TextEncoder().encode(JSON.stringify(config)), "config");
  const evidence = { ...(declared && { declared }), label: "config.json", metadata, tensors: byName };
  const format = recogniseFormat(evidence, options);
  const warnings: string[] = [];
  const weight = format.decode("layer", byName, (text) => warnings.push(text)) as AffineZeroWeight;
  return { format, weight, warnings, outline: format.describe("layer", byName) };
}

function expectedValues({ codes, zeros, scales, groupOf }: Module): Float32Array {
  const outFeatures = codes[0].length;
  const values = new Float32Array(codes.length * outFeatures);
  for (let n = 0; n < outFeatures; n++) {
    codes.forEach((row, k) => {
      const g = groupOf[k];
      values[n * codes.length + k] = (row[n] - zeros[g][n]) * scales[g][n];
    });
  }
  return values;
}

const config = { quant_method: "gptq", bits: 4, group_size: 32, sym: true, checkpoint_format: "gptq" };
const plain: RandomModuleOptions = {
  bits: 4,
  inFeatures: 96,
  outFeatures: 32,
  groupSize: 32,
  symmetric: true,
  actOrder: false,
};

describe("every combination comes back exactly", () => {
  const combinations = ([2, 3, 4, 8] as const).flatMap((bits) =>
    [16, 32, 40, 64, -1].flatMap((groupSize) =>
      [true, false].flatMap((symmetric) =>
        [false, true].flatMap((actOrder) =>
          (["gptq", "gptq_v2"] as const).map((stored) => ({ bits, groupSize, symmetric, actOrder, stored })),
        ),
      ),
    ),
  );
  test.each(combinations)(
    "$stored, $bits bit, groups of $groupSize, symmetric $symmetric, act-order $actOrder",
    ({ stored, ...options }) => {
      const seed = combinations.findIndex((combination) => combination.stored === stored) + options.bits;
      const module = randomModule({ ...options, inFeatures: 160, outFeatures: 32, seed });
      const { bits, groupSize, symmetric } = options;
      const declared = { quant_method: "gptq", bits, group_size: groupSize, sym: symmetric, checkpoint_format: stored };
      const { weight, warnings, outline } = decode(pack(module, stored), { config: declared });
      expect(dequantize(weight)).toEqual(expectedValues(module));
      expect(warnings).toEqual([]);
      const size = groupSize === -1 ? 160 : groupSize;
      expect(weight).toMatchObject({ bits, groupSize: size, inFeatures: 160, outFeatures: 32, scaleType: "f16" });
      expect(outline).toEqual({ scheme: "affine-zero", inFeatures: 160, outFeatures: 32, bits, groupSize: size });
      expect(weight.zeros === undefined).toBe(symmetric);
      expect(weight.rowOrder !== undefined).toBe(options.actOrder && groupSize !== -1);
    },
  );

  test.each(["f32", "f16", "bf16"] as const)("scales as %s", (scaleType) => {
    const module = randomModule(plain);
    const { weight } = decode(pack(module, "gptq", scaleType), { config });
    expect(weight.scaleType).toBe(scaleType);
    expect(dequantize(weight)).toEqual(expectedValues(module));
  });

  test("3-bit zero points of GPTQModel before 7.0, which the writer's version or their symmetry gives away", () => {
    const asymmetric = randomModule({ ...plain, bits: 3, symmetric: false });
    const declared = { ...config, bits: 3, sym: false, meta: { quantizer: ["gptqmodel:5.1.0"] } };
    const found = decode(pack(asymmetric, "legacy"), { config: declared });
    expect(found.weight.zeros?.order).toBe("lsb-n-minus-legacy");
    expect(dequantize(found.weight)).toEqual(expectedValues(asymmetric));

    const symmetric = randomModule({ ...plain, bits: 3 });
    const unnamed = decode(pack(symmetric, "legacy"), { config: { ...config, bits: 3 } });
    expect(dequantize(unnamed.weight)).toEqual(expectedValues(symmetric));
    expect(unnamed.warnings).toEqual([]);
  });
});

/** A planar stream, bit by bit: the planes of 4, 2 and 1 bit of every 32 codes one after another. */
function planesOf(codes: readonly number[], bits: number): number[] {
  return range(codes.length / 32).flatMap((block) => {
    const planes: number[] = [];
    for (let low = 0, width = 4; width > 0; width /= 2) {
      if ((bits & width) === 0) continue;
      const fields = codes.slice(32 * block, 32 * block + 32).map((code) => (code >> low) & (2 ** width - 1));
      planes.push(...streamOf(fields, width).map(Number));
      low += width;
    }
    return planes;
  });
}

describe("planar GPTQ", () => {
  const combinations = ([3, 5, 6, 7] as const).flatMap((bits) =>
    [true, false].map((symmetric) => ({ bits, symmetric })),
  );
  test.each(combinations)("$bits bit, symmetric $symmetric", ({ bits, symmetric }) => {
    const random = seededRandom(bits);
    const [inFeatures, outFeatures, groups] = [96, 64, 3];
    const codes = range(outFeatures).map(() => range(inFeatures).map(() => random(2 ** bits)));
    const zeros = range(groups).map(() =>
      range(outFeatures).map(() => (symmetric ? 2 ** (bits - 1) : random(2 ** bits))),
    );
    const scales = Uint16Array.from(range(groups * outFeatures), (i) => floatToHalf((i % 50) / 64));
    const columns = codes.map((column) => planesOf(column, bits));
    const tensors = [
      tensor("qweight", "I32", [3 * bits, outFeatures], Uint32Array.from(range(3 * bits).flatMap((w) => columns.map((column) => column[w])))), // prettier-ignore
      tensor("qzeros", "I32", [groups, 2 * bits], Uint32Array.from(zeros.flatMap((row) => planesOf(row, bits)))),
      tensor("scales", "F16", [groups, outFeatures], scales),
    ];
    const declared = { quant_method: "gptq", bits, group_size: 32, sym: symmetric, checkpoint_format: "gptq_p" };
    const { weight, warnings } = decode(tensors, { config: declared });
    expect(warnings).toEqual([]);
    expect(weight).toMatchObject({ bits, order: "planar-k", groupSize: 32 });
    expect(weight.zeros === undefined).toBe(symmetric);
    const expected = codes.flatMap((column, n) =>
      column.map(
        (code, k) => (code - zeros[Math.floor(k / 32)][n]) * (((Math.floor(k / 32) * outFeatures + n) % 50) / 64),
      ),
    );
    // Zeros of either sign are equal here: the formula has none, f32 has.
    expect(Array.from(dequantize(weight), (value) => value + 0)).toEqual(expected.map((value) => value + 0));
  });

  test("widths that are one plane are those of v2", () => {
    const module = randomModule({ ...plain, symmetric: false });
    const { weight } = decode(pack(module, "gptq_v2"), {
      config: { ...config, sym: false, checkpoint_format: "gptq_p" },
    });
    expect(weight.order).toBe("lsb-k");
    expect(dequantize(weight)).toEqual(expectedValues(module));
  });

  test("5 bit is planar whatever the label says", () => {
    const qweight = tensor("qweight", "I32", [5, 32], new Uint32Array(160));
    const qzeros = tensor("qzeros", "I32", [1, 5], new Uint32Array(5));
    const scales = tensor("scales", "F16", [1, 32], new Uint16Array(32));
    expect(decode([qweight, qzeros, scales], { config: { ...config, bits: 5, sym: false } }).weight.order).toBe(
      "planar-k",
    );
  });
});

describe("the data decides, the label is a cross-check", () => {
  test.each([
    ["gptq", "gptq_v2"],
    ["gptq_v2", "gptq"],
  ] as const)("a symmetric file stored as %s and labelled %s", (stored, label) => {
    const module = randomModule(plain);
    const { weight, warnings } = decode(pack(module, stored), { config: { ...config, checkpoint_format: label } });
    expect(dequantize(weight)).toEqual(expectedValues(module));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(`declares checkpoint format ${label}`);
    expect(warnings[0]).toContain(`stored as in ${stored}`);
  });

  test("a forced convention overrides label and data", () => {
    const module = randomModule(plain);
    const { weight, warnings } = decode(pack(module, "gptq"), { config, checkpointFormat: "gptq_v2" });
    const misread = { ...module, zeros: module.zeros.map((row) => row.map((zero) => zero - 1)) };
    expect(dequantize(weight)).toEqual(expectedValues(misread));
    expect(warnings).toEqual([]);
  });

  test("a forced convention that GPTQ does not have", () => {
    const force = () => decode(pack(randomModule(plain), "gptq"), { config, checkpointFormat: "marlin" });
    expect(force).toThrow(RequestError);
    expect(force).toThrow('no checkpoint format of GPTQ is called "marlin"; accepted: gptq, gptq_v2');
  });

  test.each([true, false, undefined])("asymmetric zero points are read although sym is %s", (sym) => {
    const module = randomModule({ ...plain, symmetric: false });
    const { weight, warnings } = decode(pack(module, "gptq"), { config: { ...config, sym } });
    expect(dequantize(weight)).toEqual(expectedValues(module));
    expect(warnings.map((text) => text.includes("declares symmetric"))).toEqual(sym === true ? [true] : []);
  });

  test("bits and groups other than declared are read as the shapes say, with a warning", () => {
    const module = randomModule({ ...plain, bits: 8, groupSize: 16 });
    const { weight, warnings } = decode(pack(module, "gptq"), { config });
    expect(dequantize(weight)).toEqual(expectedValues(module));
    expect(warnings).toEqual([
      "config.json: declares 4 bit in groups of 32, but modules have 8 bit in groups of 16; read as their shapes say",
    ]);
  });

  test("what a dynamic rule declares is declared; its pattern is never run", () => {
    const module = randomModule({ ...plain, bits: 8, groupSize: 16, symmetric: false });
    const dynamic = { "-:.*": {}, "+:(a+)+$": { bits: 8, group_size: 16, sym: false } };
    const { weight, warnings } = decode(pack(module, "gptq"), { config: { ...config, dynamic } });
    expect(dequantize(weight)).toEqual(expectedValues(module));
    expect(warnings).toEqual([]);
  });

  test("qzeros may be missing where sym is declared, and nowhere else", () => {
    const module = randomModule(plain);
    const tensors = pack(module, "gptq").filter(({ name }) => !name.endsWith("qzeros"));
    expect(dequantize(decode(tensors, { config }).weight)).toEqual(expectedValues(module));
    expect(() => decode(tensors, { config: { ...config, sym: undefined } })).toThrow("has no qzeros");
  });
});

describe("recognition", () => {
  const module = randomModule({ ...plain, symmetric: false });

  test.each([
    ["synonyms of keys", { method: "gptq", wbits: 4, groupsize: 32, zero_point: true, format: "GPTQ" }],
    ["more synonyms", { quant_method: "GPTQ", w_bit: 4, q_group_size: 32, desc_act: true, sym: null }],
    ["a config that names no method", { bits: 4, group_size: 32, desc_act: false }],
    ["no config", undefined],
  ])("%s", (_, declared) => {
    const { format, weight, warnings } = decode(pack(module, "gptq"), { config: declared });
    expect(format.name).toBe("gptq");
    expect(dequantize(weight)).toEqual(expectedValues(module));
    expect(warnings).toEqual([]);
  });

  test("AutoGPTQ's metadata in the container", () => {
    const metadata = new Map([
      ["gptq_bits", "4"],
      ["gptq_group_size", "32"],
      ["gptq_checkpoint_format", "gptq_v2"],
    ]);
    const { weight, warnings } = decode(pack(module, "gptq_v2"), { metadata });
    expect(dequantize(weight)).toEqual(expectedValues(module));
    expect(warnings).toEqual([]);
  });

  test("TGI's scalars are no weights", () => {
    const { format } = decode(pack(module, "gptq"));
    expect(format.isBookkeeping("gptq_sym")).toBe(true);
    expect(format.isBookkeeping("layer.qweight")).toBe(false);
  });

  test.each([
    ["Marlin", { ...config, checkpoint_format: "marlin" }, "packed as Marlin"],
    ["Marlin by AutoGPTQ's flag", { ...config, is_marlin_format: true }, "packed as Marlin"],
    ["Marlin 2:4", { ...config, checkpoint_format: "marlin_24" }, "Marlin 2:4"],
    ["BitBLAS", { ...config, checkpoint_format: "bitblas" }, "BitBLAS"],
    ["a packing of tomorrow", { ...config, checkpoint_format: "gptq_v9" }, '"gptq_v9"'],
    ["another method", { quant_method: "exl3" }, 'quantization method "exl3"'],
  ])("refuses %s by name", (_, declared, message) => {
    expect(() => decode(pack(module, "gptq"), { config: declared })).toThrow(UnsupportedError);
    expect(() => decode(pack(module, "gptq"), { config: declared })).toThrow(message);
  });

  test.each([
    ["bits", "four"],
    ["bits", 2 ** 60],
    ["bits", 4.5],
    ["group_size", -2],
    ["group_size", [128]],
    ["sym", "yes"],
    ["dynamic", ["a"]],
    ["quant_method", 7],
  ])("refuses %s: %j", (key, value) => {
    const declare = () => decode(pack(module, "gptq"), { config: { ...config, [key]: value } });
    expect(declare).toThrow(FormatError);
    expect(declare).toThrow(`"${key}"`);
  });
});

describe("g_idx", () => {
  const module = randomModule(plain);
  const withGroups = (groupOf: readonly number[]): TensorData[] => [
    ...pack(module, "gptq").slice(0, 3),
    tensor("g_idx", "I32", [groupOf.length], Int32Array.from(groupOf)),
  ];

  test("all zero with several groups means groups in sequence", () => {
    const { weight } = decode(withGroups(module.groupOf.map(() => 0)), { config });
    expect(weight.rowOrder).toBeUndefined();
    expect(dequantize(weight)).toEqual(expectedValues(module));
  });

  test("absent means groups in sequence", () => {
    const { weight } = decode(pack(module, "gptq").slice(0, 3), { config });
    expect(dequantize(weight)).toEqual(expectedValues(module));
  });

  test.each([
    ["absent", pack(module, "gptq").slice(0, 3), '"layer", and maybe others, has no g_idx'],
    ["all zero", withGroups(module.groupOf.map(() => 0)), "g_idx of a module is all zero"],
  ])("%s beside an act-order that only it can tell: a warning", (_, tensors, message) => {
    const declared = { ...config, desc_act: true };
    const { weight, warnings } = decode(tensors, { config: declared });
    expect(dequantize(weight)).toEqual(expectedValues(module));
    expect(warnings).toEqual([expect.stringContaining(message)]);
    for (const harmless of [{ desc_act: false }, { static_groups: true }, { act_group_aware: true }])
      expect(decode(tensors, { config: { ...declared, ...harmless } }).warnings).toEqual([]);
  });

  test("one group has no order to lose", () => {
    const whole = pack(randomModule({ ...plain, groupSize: -1 }), "gptq").slice(0, 3);
    expect(decode(whole, { config: { ...config, group_size: -1, desc_act: true } }).warnings).toEqual([]);
  });

  test("negative entries count from the last group", () => {
    const { weight } = decode(withGroups(module.groupOf.map((group) => group - 3)), { config });
    expect(dequantize(weight)).toEqual(expectedValues(module));
  });

  test("act-order keeps the inputs of a group in their own order", () => {
    const groupOf = range(96).map((k) => k % 3);
    const { weight } = decode(withGroups(groupOf), { config });
    expect([...(weight.rowOrder ?? [])]).toEqual([0, 1, 2].flatMap((g) => range(32).map((i) => 3 * i + g)));
    expect(dequantize(weight)).toEqual(expectedValues({ ...module, groupOf }));
  });

  test.each([3, -4, 2 ** 31 - 1, -(2 ** 31)])("refuses %d of 3 groups", (group) => {
    expect(() => decode(withGroups([...module.groupOf.slice(1), group]), { config })).toThrow(FormatError);
    expect(() => decode(withGroups([...module.groupOf.slice(1), group]), { config })).toThrow(`g_idx[95] is ${group}`);
  });

  test("refuses groups that are not full", () => {
    const uneven = module.groupOf.map((group, k) => (k === 40 ? 2 : group));
    expect(() => decode(withGroups(uneven), { config })).toThrow(UnsupportedError);
    expect(() => decode(withGroups(uneven), { config })).toThrow("group 1 of g_idx has 31 input features, not 32");
  });
});

describe("group size without g_idx", () => {
  const sizes = (inFeatures: number, groupSize: number, declared?: number) => {
    const module = randomModule({ ...plain, inFeatures, groupSize });
    const tensors = pack(module, "gptq").slice(0, 3);
    return decode(tensors, { config: { ...config, group_size: declared } }).weight.groupSize;
  };

  test("a short last group leaves several sizes; the declared one counts when it fits", () => {
    expect(sizes(160, 56, 56)).toBe(56); // 3 groups: 54 to 79 fit
    expect(sizes(160, 64, 1024)).toBe(64); // undeclared, a power of two
    expect(sizes(96, 48)).toBe(48);
  });

  test("when nothing decides, the checkpoint is refused", () => {
    expect(() => sizes(160, 24, 1024)).toThrow('must declare "group_size"'); // 7 groups: 23 to 26 fit
  });
});

describe("shapes that contradict each other", () => {
  const tensors = pack(randomModule(plain), "gptq");
  const reshaped = (name: string, shape: number[], dtype?: string): TensorData[] =>
    tensors.map((found) => (found.name === `layer.${name}` ? { ...found, shape, dtype: dtype ?? found.dtype } : found));

  test.each([
    ["64-bit words", reshaped("qweight", [12, 32], "I64"), UnsupportedError, "holds I64"],
    ["float zero points", reshaped("qzeros", [3, 4], "F16"), UnsupportedError, "holds F16"],
    ["integer scales", reshaped("scales", [3, 32], "I32"), UnsupportedError, "scales hold I32"],
    ["scales of one column", reshaped("scales", [32, 1]), UnsupportedError, "before AutoGPTQ"],
    ["AWQ's shapes", reshaped("scales", [3, 256]), FormatError, "those of AWQ"],
    ["other columns", reshaped("scales", [3, 31]), FormatError, "do not match"],
    ["other groups", reshaped("qzeros", [2, 4]), FormatError, "do not match"],
    ["no groups", reshaped("scales", [0, 32]), FormatError, "do not match"],
    ["bits that do not exist", reshaped("qzeros", [3, 1]), FormatError, "amount to 1 bit"],
    ["no outputs", reshaped("qweight", [12, 0]), FormatError, "do not match"],
    ["a g_idx too short", reshaped("g_idx", [95]), FormatError, "must have 96 entries"],
    ["a vector of words", reshaped("qweight", [384]), FormatError, "not 2-D"],
    ["no scales", tensors.filter(({ name }) => name !== "layer.scales"), FormatError, "has no scales"],
  ] as const)("%s", (_, found, error, message) => {
    expect(() => decode(found, { config })).toThrow(error);
    expect(() => decode(found, { config })).toThrow(message);
  });
});

test("whatever the shapes and the bytes, decoding gives a weight or one of our errors", () => {
  const random = seededRandom(7);
  const dtypes = ["I32", "F16", "F32", "U8"];
  const sizes = [0, 1, 2, 3, 4, 12, 32, 96];
  const outcomes = new Set<string>();
  const packed = ([2, 3, 4, 8] as const).map((bits) => pack(randomModule({ ...plain, bits }), "gptq"));
  for (let round = 0; round < 1000; round++) {
    const found = packed[random(4)]
      .filter(() => random(10) > 0)
      .map((piece): TensorData => {
        if (random(4) > 0) return piece;
        const shape = piece.shape.map((size) => (random(2) === 0 ? size : sizes[random(sizes.length)]));
        const dtype = random(4) === 0 ? dtypes[random(dtypes.length)] : piece.dtype;
        const width = { I32: 4, F32: 4, F16: 2, U8: 1 }[dtype] ?? 1;
        const bytes = new Uint8Array(shape.reduce((product, size) => product * size, width)).map(() => random(256));
        return { ...piece, shape, dtype, bytes };
      });
    try {
      const { weight } = decode(found, { config });
      expect(dequantize(weight)).toHaveLength(weight.inFeatures * weight.outFeatures);
      outcomes.add("a weight");
    } catch (error) {
      expect(error).toBeInstanceOf(FewbitError);
      outcomes.add((error as FewbitError).code);
    }
  }
  expect([...outcomes].sort()).toEqual(["a weight", "bad-file", "unsupported"]);
});
