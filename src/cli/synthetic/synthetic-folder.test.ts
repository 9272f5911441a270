import { describe, expect, test } from "vitest";
import { openCheckpoint } from "../../checkpoint/open-checkpoint.ts";
import { dequantize } from "../../weights/dequantize.ts";
import { shapeNames } from "./shapes.ts";
import { openSyntheticFolder } from "./synthetic-folder.ts";
import type { SyntheticFormat } from "./synthetic-tensors.ts";

const plain: SyntheticFormat = { format: "gptq", bits: 4, groupSize: 128, asym: false, actOrder: false };
const warn = (message: string): never => {
  throw new Error(message);
};

test("every shape opens without a warning", async () => {
  for (const name of shapeNames) {
    await using checkpoint = await openCheckpoint(openSyntheticFolder(name, plain), { warn });
    expect(checkpoint.modules().length).toBeGreaterThan(200);
  }
});

test("weights have the size of trained ones", async () => {
  for (const format of [
    plain,
    { ...plain, bits: 3, asym: true, actOrder: true },
    { ...plain, format: "dense" },
  ] as const) {
    await using checkpoint = await openCheckpoint(openSyntheticFolder("qwen2-0.5b", format), { warn });
    const { weight } = await checkpoint.linear("model.layers.0.self_attn.k_proj");
    const values = dequantize(weight);
    const variance = values.reduce((sum, value) => sum + value * value, 0) / values.length;
    expect(variance * weight.inFeatures).toBeGreaterThan(0.5);
    expect(variance * weight.inFeatures).toBeLessThan(format.format === "gptq" && format.asym ? 3 : 1.5);
  }
});

describe("any stretch of the file", () => {
  test("is what the whole file has there", async () => {
    const folder = openSyntheticFolder("smollm2-135m", { ...plain, asym: true });
    await using source = await folder.open("model.safetensors");
    const end = await source.read(source.size - 300_000, 300_000);
    for (const [offset, length] of [
      [1, 7],
      [150_000, 100_000],
      [299_999, 1],
      [5, 0],
    ])
      expect(await source.read(source.size - 300_000 + offset, length)).toEqual(end.subarray(offset, offset + length));
    await expect(source.read(source.size, 1)).rejects.toThrow("truncated");
  });
});
