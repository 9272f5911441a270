import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { fixtures } from "../../test/support/fixtures.ts";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { openCheckpoint } from "../checkpoint/open-checkpoint.ts";
import { planLoads } from "../compile/plan-loads.ts";
import { writeGguf } from "../containers/gguf/write-gguf.ts";
import type { GgufType } from "../formats/ggml/gguf-type.ts";
import { openMemoryFolder } from "../io/memory-folder.ts";
import { createModel } from "../models/models.ts";
import { UnsupportedError } from "../util/errors.ts";
import { plainSearch } from "../weights/blocks/candidate-search.ts";
import { compareWeights } from "../weights/compare-weights.ts";
import { planGguf } from "./plan-gguf.ts";

function open(files: ReadonlyMap<string, Uint8Array>): Promise<Checkpoint> {
  const bin = [...files.keys()].find((file) => file.endsWith(".bin")); // only those that are named are opened
  return openCheckpoint(openMemoryFolder(files, "model"), {
    ...(bin !== undefined && { file: bin }),
    warn: () => undefined,
  });
}

function golden(name: string): Promise<Checkpoint> {
  const [, prefix] = /^gguf\/(.*)/.exec(name) ?? [];
  const folder = prefix === undefined ? join(fixtures, name) : join(fixtures, "gguf");
  const isOfModel = (file: string): boolean =>
    prefix === undefined || (file.startsWith(prefix) && /(gguf|bin)$/.test(file));
  return open(
    new Map(
      readdirSync(folder)
        .filter(isOfModel)
        .map((file) => [file, readFileSync(join(folder, file))]),
    ),
  );
}

async function written(source: Checkpoint, type?: GgufType, requantize = false): Promise<Checkpoint> {
  const options = { requantize, search: plainSearch, name: "x", textFields: new Map() };
  const plan = await planGguf(source, { ...options, ...(type && { type }) });
  const pieces: Uint8Array[] = [];
  await writeGguf(plan.tensors, (bytes) => void pieces.push(bytes.slice()), { metadata: plan.metadata });
  return open(new Map([["model.gguf", Buffer.concat(pieces)]]));
}

const models = [
  ...["models/gptq-4b-g128-asym-actorder", "models/gptq-3b-g128-asym", "models/gptq-4b-g128-sym-lmhead"],
  ...["arch/granite", "arch/llama3", "arch/llama-tied", "arch/mistral", "arch/phi3-longrope", "arch/qwen3"],
  ...["arch/qwen2-moe", "gguf/mini-split-Q4_0", "gguf/legacy-ggjt1-Q4_0"],
];

describe("a model read back from GGUF", () => {
  test.each(models)("%s: the same weights, norms, positions and layers", async (name) => {
    const source = await golden(name);
    const found = await written(source, /actorder|legacy/.test(name) ? "F32" : undefined);
    const [wanted, read] = [createModel(source.config), createModel(found.config)];
    expect(read.layers.map(({ kind }) => kind)).toEqual(wanted.layers.map(({ kind }) => kind));
    for (const [r, rope] of wanted.ropes.entries()) {
      for (const [v, { inverseFrequencies, scale }] of rope.variants.entries()) {
        const other = read.ropes[r].variants[v];
        for (const [i, frequency] of inverseFrequencies.entries())
          expect(Math.abs(other.inverseFrequencies[i] / frequency - 1)).toBeLessThan(1e-6);
        expect(other.scale).toBeCloseTo(scale, 6);
      }
    }
    const { projections, vectors } = planLoads(wanted, source);
    for (const { module } of projections.flatMap(({ modules }) => modules)) {
      const [a, b] = [await found.linear(module), await source.linear(module)];
      expect(compareWeights(a.weight, b.weight), module).toBeUndefined();
      expect(a.bias, module).toEqual(b.bias);
    }
    for (const { tensor } of vectors) expect(await found.vector(tensor), tensor).toEqual(await source.vector(tensor));
  });

  test("is rounded when it may be, and says what that costs", async () => {
    const source = await golden("arch/llama3");
    await expect(written(source, "Q8_0")).rejects.toThrow(/which Q8_0 does not hold exactly.*--requantize/);
    const found = await written(source, "Q8_0", true);
    const module = "model.layers.0.self_attn.q_proj";
    const loss = compareWeights((await found.linear(module)).weight, (await source.linear(module)).weight);
    expect(loss?.relativeSquaredError).toBeGreaterThan(0);
    expect(loss?.relativeSquaredError).toBeLessThan(1e-4);
  });

  test("an architecture without such files is refused by its name", async () => {
    await expect(written(await golden("arch/gpt-neox"))).rejects.toThrow(UnsupportedError);
  });
});
