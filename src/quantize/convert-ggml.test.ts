import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { fixtures, sharedFixtures } from "../../test/support/fixtures.ts";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { openCheckpoint } from "../checkpoint/open-checkpoint.ts";
import { planLoads } from "../compile/plan-loads.ts";
import { encoders } from "../formats/encoders.ts";
import { openMemoryFolder } from "../io/memory-folder.ts";
import { createModel } from "../models/models.ts";
import { compareWeights } from "../weights/compare-weights.ts";
import { dequantize } from "../weights/dequantize.ts";
import type { DenseWeight, PackedWeight } from "../weights/packed-weight.ts";
import { bytesOf } from "../util/bytes.ts";
import type { Target } from "./convert-weight.ts";
import { planConversion, type ConversionOptions } from "./plan-conversion.ts";
import { writeConversion } from "./write-conversion.ts";

const own = join(fixtures, "gguf");
const shared = sharedFixtures === undefined ? undefined : join(sharedFixtures, "gguf", "arch");
if (shared === undefined) console.log("skipped: GGUF files of other architectures are not beside the checkout");

/** Opens a file of a folder, or the parts that begin alike. */
function open(folder: string, name: string): Promise<Checkpoint> {
  const names = readdirSync(folder).filter((file) => file.startsWith(name) && /\.(gguf|bin)$/.test(file));
  const files = new Map(names.map((file) => [file, readFileSync(join(folder, file))]));
  return openCheckpoint(openMemoryFolder(files, "model"), { file: names[0], warn: () => undefined });
}

/** Converts, and opens what was written. */
async function converted(source: Checkpoint, options: Omit<ConversionOptions, "requantize">): Promise<Checkpoint> {
  const conversion = await planConversion(source, { requantize: false, ...options });
  const files = new Map<string, Uint8Array>();
  const folder = {
    has: () => false,
    async write(name: string, fill: (sink: (bytes: Uint8Array) => Promise<void>) => Promise<void>): Promise<void> {
      const pieces: Uint8Array[] = [];
      await fill((bytes) => Promise.resolve(void pieces.push(bytes.slice())));
      files.set(name, Buffer.concat(pieces));
    },
  };
  await writeConversion(conversion, folder, { shardBytes: Infinity });
  const config = { ...source.config, quantization_config: conversion.quantizationConfig };
  files.set("config.json", new TextEncoder().encode(JSON.stringify(config)));
  return openCheckpoint(openMemoryFolder(files, "converted"), {
    warn: (message) => expect.unreachable(message),
  });
}

const dense = ({ inFeatures, outFeatures }: PackedWeight, values: Float32Array): DenseWeight => ({
  ...{ scheme: "dense", inFeatures, outFeatures, type: "f32", values: bytesOf(values) },
});

async function expectSame(found: Checkpoint, wanted: Checkpoint): Promise<void> {
  const model = createModel(wanted.config, "config");
  expect(createModel(found.config, "config")).toEqual(model);
  const loads = planLoads(model, wanted);
  for (const linear of loads.projections.flatMap(({ modules }) => modules)) {
    const [a, b] = [await found.linear(linear.module), await wanted.linear(linear.module, undefined, linear)];
    const values = dequantize(b.weight); // some schemes cannot be compared with each other
    expect(compareWeights(a.weight, dense(b.weight, values)), linear.module).toBeUndefined();
    expect(a.bias, linear.module).toEqual(b.bias?.some((value) => value !== 0) === true ? b.bias : undefined);
  }
  for (const { tensor, plusOne } of loads.vectors) {
    const [a, b] = [await found.vector(tensor), await wanted.vector(tensor)];
    expect(plusOne === true && wanted.hasNormsPlusOne === true ? a.map((w) => 1 + w) : a, tensor).toEqual(b);
  }
}

function encoderOf(name: string): Target {
  const encoder = encoders.find((each) => each.name === name);
  if (encoder === undefined) throw new Error(name);
  return { encoder, floats: "f32" };
}

describe("a file of ggml as a folder of safetensors", () => {
  const ofOthers = shared === undefined ? [] : readdirSync(shared).filter((name) => name.endsWith(".gguf"));
  test.each([
    ...["mini-split-Q4_0", "legacy-ggjt1-Q4_0"].map((name) => ({ folder: own, name })),
    ...ofOthers.map((name) => ({ folder: shared ?? "", name })),
  ])("$name: floats", async ({ folder, name }) => {
    await using source = await open(folder, name);
    await using found = await converted(source, { target: { floats: "f32" } });
    await expectSame(found, source);
  });

  test.each(["gptq", "gptq_v2", "compressed-tensors", "awq"])("Q4_0 is %s without a loss", async (format) => {
    await using source = await open(own, "mini-split-Q4_0");
    await using found = await converted(source, { target: encoderOf(format) });
    expect(found.modules().some(({ scheme, bits }) => scheme === "affine-zero" && bits === 4)).toBe(true);
    await expectSame(found, source);
  });
});
