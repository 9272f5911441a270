import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createCpuBackend } from "../../src/backends/cpu/cpu-backend.node.ts";
import { createReferenceBackend } from "../../src/backends/reference/reference-backend.ts";
import { openCheckpoint } from "../../src/checkpoint/open-checkpoint.ts";
import type { Device, DeviceOptions } from "../../src/device/backend.ts";
import { openFolder } from "../../src/io/folder.node.ts";
import { storedDtype } from "../../src/llm/stored-dtype.ts";
import { createModel } from "../../src/models/models.ts";
import { fixtures } from "../support/fixtures.ts";
import { goldenModel, openSequence, type GoldenModel } from "./golden-model.ts";

/** What `dtype` does to logits, against how far transformers itself moves in that type (`lower_precision` of each expected.json). */

interface LowerPrecision {
  readonly lower_precision: Readonly<Record<"bfloat16" | "float16", { readonly mean_abs_over_std: number }>>;
}

const configTypes = { bf16: "bfloat16", f16: "float16" } as const;

async function logits(device: Device, model: GoldenModel): Promise<Float32Array> {
  const { prompt_ids: prompt } = model.expected;
  await using sequence = await openSequence(device, model, { length: prompt.length });
  return sequence.push(prompt);
}

/** Mean difference over the standard deviation of what is expected. */
function meanError(found: Float32Array, expected: Float32Array): number {
  const mean = expected.reduce((sum, value) => sum + value, 0) / expected.length;
  const variance = expected.reduce((sum, value) => sum + (value - mean) ** 2, 0) / expected.length;
  return found.reduce((sum, value, i) => sum + Math.abs(value - expected[i]), 0) / found.length / Math.sqrt(variance);
}

describe.each(["llama3", "gpt-neox", "qwen3", "qwen2-moe", "gpt-oss-mxfp4"])("%s", (name) => {
  const model = goldenModel("arch", name);
  if (model === undefined) throw new Error(`the repository has no arch/${name}`);

  test.each(["bf16", "f16"] as const)("in %s the reference moves about as far as transformers does", async (dtype) => {
    const file = readFileSync(join(fixtures, "arch", name, "expected.json"), "utf8");
    const usual = (JSON.parse(file) as LowerPrecision).lower_precision[configTypes[dtype]].mean_abs_over_std;
    await using device = await createReferenceBackend().open({ dtype });
    expect(device.dtype).toBe(dtype);
    const moved = meanError(await logits(device, model), await model.readLogits("logits"));
    expect(moved / usual).toBeGreaterThan(0.3); // nothing rounded would be a lie
    expect(moved / usual).toBeLessThan(1.5);
  });

  test("the cpu computes in f32 whatever is asked for", async () => {
    const found = await Promise.all(
      (["f32", "bf16", "f16"] as const).map(async (dtype) => {
        await using device = await createCpuBackend().open({ dtype, activations: "f32", threads: 1 });
        expect(device.dtype).toBe("f32");
        return await logits(device, model); // before the device is closed
      }),
    );
    expect(found[1]).toEqual(found[0]);
    expect(found[2]).toEqual(found[0]);
  });

  test("auto is the type of the embedding", async () => {
    await using checkpoint = await openCheckpoint(await openFolder(join(fixtures, "arch", name)), {
      warn: () => undefined,
    });
    const stored = storedDtype(checkpoint, createModel(checkpoint.config));
    const open = async (options: DeviceOptions): Promise<Float32Array> => {
      await using device = await createReferenceBackend().open(options);
      expect(device.dtype).toBe(stored);
      return await logits(device, model);
    };
    expect(await open({ storedDtype: stored })).toEqual(await open({ dtype: stored }));
  });
});

test("the cpu keeps keys and values in f32 where f32 is asked for, and only then", async () => {
  const cacheTypeOf = async (options: DeviceOptions): Promise<string> => {
    await using device = await createCpuBackend().open({ threads: 1, ...options });
    return device.cacheType;
  };
  expect(await cacheTypeOf({})).toBe("f16");
  expect(await cacheTypeOf({ storedDtype: "f32" })).toBe("f16");
  expect(await cacheTypeOf({ dtype: "f32" })).toBe("f32");
  expect(await cacheTypeOf({ dtype: "bf16" })).toBe("f16");
  expect(await cacheTypeOf({ dtype: "f32", cacheType: "f16" })).toBe("f16");
});
