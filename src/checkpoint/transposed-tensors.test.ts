import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { sharedFixtures } from "../../test/support/fixtures.ts";
import { encodeGguf, type TestTensor } from "../containers/gguf/gguf-test-kit.ts";
import { openFolder } from "../io/folder.node.ts";
import { openMemoryFolder } from "../io/memory-folder.ts";
import { bytesOf } from "../util/bytes.ts";
import { FormatError, RequestError } from "../util/errors.ts";
import { dequantize } from "../weights/dequantize.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { hashWeights } from "./hash-weights.ts";
import { openCheckpoint } from "./open-checkpoint.ts";
import { TransposedByShape } from "./transposed-tensors.ts";

const refuse = (text: string): void => expect.unreachable(text);
const sha256 = (values: Float32Array): string => createHash("sha256").update(bytesOf(values)).digest("hex");

/** A file of matrices by themselves. */
async function open(tensors: readonly TestTensor[], transposed?: string): Promise<Checkpoint> {
  const folder = openMemoryFolder(new Map([["some.gguf", await encodeGguf(tensors)]]), "folder");
  return openCheckpoint(folder, { warn: refuse, transposed });
}

const counted = (name: string, shape: readonly number[]): TestTensor => ({
  name,
  dtype: "F32",
  shape,
  bytes: bytesOf(Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i)),
});

describe("a pattern", () => {
  const tensors = [
    counted("blk.0.up.weight", [2, 3]),
    counted("blk.0.down.weight", [3, 2]),
    counted("norm.weight", [2]),
  ];

  test.each([
    ["*", ["blk.0.up.weight", "blk.0.down.weight"]],
    ["blk.*.up.*", ["blk.0.up.weight"]],
    ["blk.0.down.weight", ["blk.0.down.weight"]],
    ["*up.weight,*down*", ["blk.0.up.weight", "blk.0.down.weight"]],
    ["*0*weight", ["blk.0.up.weight", "blk.0.down.weight"]],
  ])("%s turns %j", async (pattern, names) => {
    await using checkpoint = await open(tensors, pattern);
    const turned = [...checkpoint.tensors.values()].filter((tensor) => tensor.constructor.name === "TransposedTensor");
    expect(turned.map(({ name }) => name)).toEqual(names);
  });

  test.each(["blk", "up*", "*weights", "blk.0.up.weight*weight", "", "norm.weight"])(
    "%j matches no matrix",
    async (pattern) => {
      const opening = open(tensors, pattern);
      await expect(opening).rejects.toThrow(RequestError);
      await expect(opening).rejects.toThrow('their names are like "blk.0.up.weight"');
    },
  );

  test("that would take for ever to match otherwise is settled at once", async () => {
    await expect(open([counted("a".repeat(60), [2, 3])], `${"a*".repeat(30)}b`)).rejects.toThrow(RequestError);
  });

  test("leaves dimensions as they are and turns the data", async () => {
    await using checkpoint = await open(tensors, "*up*");
    const [up] = checkpoint.modules();
    expect(up.shape).toEqual([2, 3]);
    expect([...dequantize(await checkpoint.stored(up))]).toEqual([0, 2, 4, 1, 3, 5]);
    expect([...new Float32Array((await up.tensor?.read({ start: 8, end: 16 }))?.slice().buffer ?? [])]).toEqual([4, 1]);
  });

  test("turns what safetensors hold as well", async () => {
    const header = JSON.stringify({ "up.weight": { dtype: "F32", shape: [2, 3], data_offsets: [0, 24] } });
    const length = Buffer.alloc(8);
    length.writeUInt32LE(header.length);
    const file = Buffer.concat([length, Buffer.from(header), counted("up", [2, 3]).bytes]);
    const folder = openMemoryFolder(new Map([["model.safetensors", file]]), "folder");
    await using checkpoint = await openCheckpoint(folder, { warn: refuse, transposed: "up*" });
    expect([...dequantize((await checkpoint.linear("up")).weight)]).toEqual([0, 2, 4, 1, 3, 5]);
  });
});

describe("by shape", () => {
  const tensorOf = async (shape: readonly number[], dtype: "F32" | "Q8_0" = "F32") => {
    const bytes = dtype === "F32" ? counted("t", shape).bytes : new Uint8Array((34 * shape[0] * shape[1]) / 32);
    await using checkpoint = await open([{ name: "t", dtype, shape, bytes }]);
    return { tensor: [...checkpoint.tensors.values()][0], shape };
  };

  test.each([
    [[2, 3], { outFeatures: 2, inFeatures: 3 }, false],
    [[2, 3], { outFeatures: 3, inFeatures: 2 }, true],
    [[3, 3], { outFeatures: 3, inFeatures: 3 }, false],
    [[2, 3], { outFeatures: 3, inFeatures: 4 }, false],
  ])("%j where the model has %j", async (shape, expected, isTurned) => {
    const warnings: string[] = [];
    const { tensor } = await tensorOf(shape);
    const found = new TransposedByShape("file", (text) => warnings.push(text)).turned(tensor, expected);
    expect(found === tensor).toBe(!isTurned);
    expect(warnings.length).toBe(isTurned ? 1 : 0);
    if (isTurned) expect(found.shape).toEqual([expected.outFeatures, expected.inFeatures]);
  });

  test("blocks that would not fill a row of outputs are refused", async () => {
    const { tensor } = await tensorOf([32, 64], "Q8_0");
    const byShape = new TransposedByShape("file", () => undefined);
    expect(() => byShape.turned({ ...tensor, shape: [64, 48] }, { inFeatures: 64, outFeatures: 48 })).toThrow(
      FormatError,
    );
  });
});

interface Expected {
  readonly tensors: Readonly<
    Record<
      string,
      { readonly logical_shape_out_in: readonly number[]; readonly logical_f32le_sha256_out_in_row_major: string }
    >
  >;
}

describe.skipIf(sharedFixtures === undefined)(
  "files of the larger set (skipped where it is not beside the checkout)",
  () => {
    const folder = join(sharedFixtures ?? "", "gguf", "extra");
    const expectedOf = (name: string): Expected =>
      JSON.parse(readFileSync(join(folder, `${name}.expected.json`), "utf8")) as Expected;

    test("dimensions that say it", async () => {
      await using checkpoint = await openCheckpoint(await openFolder(folder), {
        warn: refuse,
        file: "transposed-labelled.gguf",
      });
      const byShape = new TransposedByShape("file", () => undefined);
      for (const [name, { logical_shape_out_in: shape, ...hashes }] of Object.entries(
        expectedOf("transposed-labelled").tensors,
      )) {
        const [outFeatures, inFeatures] = shape;
        const stored = checkpoint.tensors.get(name);
        if (stored === undefined) throw new Error(`the file has no ${name}`);
        const tensor = byShape.turned(stored, { inFeatures, outFeatures });
        const bytes = await tensor.read();
        const weight = {
          scheme: "dense",
          inFeatures,
          outFeatures,
          type: tensor.dtype === "F32" ? "f32" : "f16",
          values: bytes,
        } as const;
        expect(sha256(dequantize(weight))).toBe(hashes.logical_f32le_sha256_out_in_row_major);
      }
    });

    test("dimensions that do not, and a pattern that does", async () => {
      const options = { warn: refuse, file: "transposed-unlabelled.gguf", transposed: "lin.*" };
      await using checkpoint = await openCheckpoint(await openFolder(folder), options);
      const expected = expectedOf("transposed-unlabelled").tensors;
      const found = new Map<string, string | undefined>();
      for await (const { module, sha256 } of hashWeights(checkpoint, () => createHash("sha256")))
        found.set(module.name, sha256);
      expect(found).toEqual(
        new Map(Object.entries(expected).map(([name, tensor]) => [name, tensor.logical_f32le_sha256_out_in_row_major])),
      );
    });
  },
);
