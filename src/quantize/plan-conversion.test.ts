import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { fixtures } from "../../test/support/fixtures.ts";
import { openCheckpoint } from "../checkpoint/open-checkpoint.ts";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { encoders } from "../formats/encoders.ts";
import { openMemoryFolder } from "../io/memory-folder.ts";
import { AbortedError, UnsupportedError } from "../util/errors.ts";
import { editJsonObject } from "../util/edit-json.ts";
import { compareWeights } from "../weights/compare-weights.ts";
import type { Target } from "./convert-weight.ts";
import { planConversion } from "./plan-conversion.ts";
import { writeConversion } from "./write-conversion.ts";

type Files = ReadonlyMap<string, Uint8Array>;

function golden(name: string): Files {
  const folder = join(fixtures, name);
  return new Map(readdirSync(folder).map((file) => [file, readFileSync(join(folder, file))]));
}

/** Symmetric, 4 bit, groups of 128; its label is wrong, which opening it tells. */
const mislabelled = "models/gptq-mislabelled-v2data-says-gptq-4b-g128-sym";

const open = (files: Files): Promise<Checkpoint> =>
  openCheckpoint(openMemoryFolder(files, "model"), {
    warn: (message) => expect(message).toMatch(/declares checkpoint format gptq, but/),
  });

function encoderOf(name: string): Target {
  const encoder = encoders.find((each) => each.name === name);
  if (encoder === undefined) throw new Error(name);
  return { encoder, floats: "f32" };
}

async function convert(
  files: Files,
  target: Target,
  { requantize = false, shardBytes = Infinity, kept = new Map() as Files } = {},
): Promise<Files> {
  const checkpoint = await open(files);
  const conversion = await planConversion(checkpoint, { target, requantize });
  const written = new Map<string, Uint8Array>(kept);
  await writeConversion(
    conversion,
    {
      has: (name) => kept.has(name),
      async write(name, fill) {
        const pieces: Uint8Array[] = [];
        await fill((bytes) => void pieces.push(bytes.slice()));
        written.set(name, Buffer.concat(pieces));
      },
    },
    { shardBytes },
  );
  const config = await checkpoint.readText("config.json");
  const edited = editJsonObject(config ?? "{}", { quantization_config: conversion.quantizationConfig });
  return written.set("config.json", new TextEncoder().encode(edited));
}

/** Every tensor by its name. */
async function tensors(files: Files): Promise<Readonly<Record<string, unknown>>> {
  const checkpoint = await open(files);
  const all = [...checkpoint.tensors.values()].map(async (tensor) => {
    const { name, dtype, shape } = tensor;
    return [name, { dtype, shape, bytes: Buffer.from(await tensor.read()).toString("base64") }] as const;
  });
  return Object.fromEntries(await Promise.all(all));
}

describe("a golden model", () => {
  test("GPTQ v1, v2, AWQ, compressed-tensors, and v1 again: the first file's tensors, bit for bit", async () => {
    const first = await convert(golden(mislabelled), encoderOf("gptq"));
    let files = first;
    for (const name of ["gptq_v2", "awq", "compressed-tensors", "gptq"]) files = await convert(files, encoderOf(name));
    expect(await tensors(files)).toEqual(await tensors(first));
  });

  test("act-order survives where there is a place for it", async () => {
    const first = golden("models/gptq-4b-g128-asym-actorder");
    const back = await convert(await convert(first, encoderOf("compressed-tensors")), encoderOf("gptq"));
    expect(await tensors(back)).toEqual(await tensors(first));
  });

  test("is refused with every reason, and goes on when asked to", async () => {
    const first = golden("models/gptq-4b-g128-asym-actorder");
    await expect(convert(first, encoderOf("awq"))).rejects.toThrow(/act-order.*modules more; --requantize/);
    const source = await open(first);
    const { lossy } = await planConversion(source, { target: encoderOf("awq"), requantize: true });
    expect(lossy.length).toBeGreaterThan(0);
    for (const { relativeSquaredError } of lossy) {
      expect(relativeSquaredError).toBeGreaterThan(0);
      expect(relativeSquaredError).toBeLessThan(0.02); // of 4 bits in groups of 128
    }
    const found = await open(await convert(first, encoderOf("awq"), { requantize: true }));
    const module = source.modules().find(({ name }) => name === lossy[0].name);
    if (module === undefined) throw new Error("no module");
    const loss = compareWeights((await found.linear(module.name)).weight, await source.stored(module));
    expect(loss).toMatchObject({ relativeSquaredError: lossy[0].relativeSquaredError, maxError: lossy[0].maxError });
  });

  test("plain floats of f32 lose nothing; bf16 does", async () => {
    const first = golden("models/gptq-3b-g128-asym");
    const source = await open(first);
    const files = await convert(first, { floats: "f32" });
    const found = await open(files);
    expect(found.format).toBe("dense");
    for (const module of source.modules().filter(({ tensor }) => tensor === undefined))
      expect(compareWeights((await found.linear(module.name)).weight, await source.stored(module))).toBeUndefined();
    await expect(convert(first, { floats: "bf16" })).rejects.toThrow(/rounded to bf16/);
    await expect(convert(files, encoderOf("gptq"))).rejects.toThrow(/dense f32.*--requantize/);
    await expect(convert(files, encoderOf("gptq"), { requantize: true })).rejects.toThrow(/how many bits/);
  });

  test("several files with an index; those that are there are kept", async () => {
    const first = golden("models/gptq-4b-g128-sym-lmhead");
    const files = await convert(first, encoderOf("gptq_v2"), { shardBytes: 100_000 });
    expect([...files.keys()]).toContain("model.safetensors.index.json");
    const whole = await tensors(await convert(first, encoderOf("gptq_v2")));
    expect(await tensors(files)).toEqual(whole);
    const kept = new Map([...files].filter(([name]) => name.startsWith("model-00002-of")));
    expect(kept.size).toBe(1);
    expect(await convert(first, encoderOf("gptq_v2"), { shardBytes: 100_000, kept })).toEqual(files);
  });

  test("ends when it is to end", async () => {
    const checkpoint = await open(golden("models/gptq-3b-g128-asym"));
    const target = encoderOf("gptq_v2");
    const aborted = planConversion(checkpoint, { target, requantize: false, signal: AbortSignal.abort() });
    await expect(aborted).rejects.toThrow(AbortedError);
  });
});

test("Marlin and back, and what is no Marlin", async () => {
  const first = golden("modules/marlin-g128");
  const v2 = await convert(first, encoderOf("gptq_v2"));
  expect(await tensors(await convert(v2, encoderOf("marlin")))).toEqual(await tensors(first));
  const asymmetric = convert(golden("models/gptq-4b-g128-asym-actorder"), encoderOf("marlin"));
  await expect(asymmetric).rejects.toThrow(UnsupportedError);
});
