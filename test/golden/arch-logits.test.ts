import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createReferenceBackend } from "../../src/backends/reference/reference-backend.ts";
import { openCheckpoint } from "../../src/checkpoint/open-checkpoint.ts";
import { compileModel } from "../../src/compile/compile-model.ts";
import type { WeightDevice } from "../../src/compile/load-weights.ts";
import { openSafetensors } from "../../src/containers/safetensors/read-safetensors.ts";
import type { Device } from "../../src/device/backend.ts";
import { openFile } from "../../src/io/file-source.node.ts";
import { openFolder } from "../../src/io/folder.node.ts";
import type { Model } from "../../src/models/model.ts";
import { createModel } from "../../src/models/models.ts";
import { asFloat32 } from "../../src/util/bytes.ts";
import { PageBook } from "../conformance/page-book.ts";
import { fixtures, sharedFixtures } from "../support/fixtures.ts";

/**
 * Every architecture from its files to its logits, against transformers in float32 (fixtures/README.md). What one setting misread does
 * to the logits is in `wrong_if` of each expected.json: at least 0.01 on this scale.
 */

/** Largest difference over the standard deviation of the logits. Both sides round to f32 in an order of their own; 1e-5 is usual. */
const tolerance = 1e-4;

const names = [
  ...["llama3", "llama-tied", "mistral", "phi3-longrope", "qwen2-swa", "qwen3"], // these lie in the repository
  ...["llama-linear", "llama-mha", "llama-minimal", "phi3", "qwen2"],
];

interface Expected {
  readonly note: string;
  readonly prompt_ids: readonly number[];
  readonly greedy_ids: readonly number[];
  readonly short?: { readonly prompt_ids: readonly number[] };
}

/** A sequence on a device: tokens go in by chunks, logits come out for the last `wanted` rows of each. */
interface Sequence extends AsyncDisposable {
  push(tokens: readonly number[], wanted?: number): Promise<Float32Array>;
}

async function openSequence(
  device: Device,
  folder: string,
  length: number,
  preparer: WeightDevice = device,
): Promise<Sequence> {
  const { model, compiled } = await load(preparer, folder);
  const book = new PageBook(compiled.program.pageKinds, [length], device.pageSize, 7);
  const executable = await device.load({
    ...compiled,
    limits: {
      maxTokens: length,
      maxSequences: 1,
      maxOutputs: length,
      pageSize: device.pageSize,
      pageCounts: book.pageCounts,
    },
  });
  const ropeVariant = length > (model.ropeSwitchLength ?? Infinity) ? 1 : 0;
  let position = 0;
  return {
    async push(tokens, wanted = tokens.length) {
      const first = position;
      position += tokens.length;
      const { logits = new Float32Array() } = await executable.step({
        tokens: Int32Array.from(tokens),
        positions: Int32Array.from(tokens, (_, t) => first + t),
        sequenceStarts: Int32Array.of(0, tokens.length),
        slots: Int32Array.of(0),
        ropeVariants: Int32Array.of(ropeVariant),
        pageTables: book.tables([0], [first], [position]),
        outputs: Int32Array.from({ length: wanted }, (_, r) => tokens.length - wanted + r),
        wantsLogits: true,
      });
      return logits;
    },
    async [Symbol.asyncDispose]() {
      await executable[Symbol.asyncDispose]();
      compiled[Symbol.dispose]();
    },
  };
}

async function load(device: WeightDevice, folder: string) {
  const warn = (message: string): void => expect.unreachable(message);
  await using checkpoint = await openCheckpoint(await openFolder(folder), { warn });
  const model: Model = createModel(checkpoint.config);
  return { model, compiled: await compileModel({ model, source: checkpoint, device }) };
}

async function readLogits(folder: string, tensor: string): Promise<Float32Array> {
  await using file = await openSafetensors(await openFile(join(folder, "logits.safetensors")));
  const found = file.tensors.get(tensor);
  if (found === undefined) throw new Error(`${folder} has no ${tensor}`);
  return asFloat32(await found.read());
}

function error(found: Float32Array, expected: Float32Array): number {
  expect(found).toHaveLength(expected.length);
  const mean = expected.reduce((sum, value) => sum + value, 0) / expected.length;
  const variance = expected.reduce((sum, value) => sum + (value - mean) ** 2, 0) / expected.length;
  return found.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i])), 0) / Math.sqrt(variance);
}

function likeliest(logits: Float32Array): number {
  return logits.reduce((best, value, id) => (value > logits[best] ? id : best), 0);
}

describe.each(names)("%s", (name) => {
  const folder = [fixtures, sharedFixtures ?? fixtures].map((root) => join(root, "arch", name)).find(existsSync);
  if (folder === undefined) {
    test.skip("the larger set of fixtures is not beside the checkout");
    return;
  }
  const expected = JSON.parse(readFileSync(join(folder, "expected.json"), "utf8")) as Expected;
  let device: Device;
  beforeAll(async () => {
    device = await createReferenceBackend().open();
  });
  afterAll(() => device[Symbol.asyncDispose]());

  test("logits of the whole prompt", async () => {
    await using sequence = await openSequence(device, folder, expected.prompt_ids.length);
    const found = await sequence.push(expected.prompt_ids);
    expect(error(found, await readLogits(folder, "logits"))).toBeLessThan(tolerance);
  });

  test("the same logits, to the bit, when the prompt comes in chunks", async () => {
    await using whole = await openSequence(device, folder, expected.prompt_ids.length);
    await using chunked = await openSequence(device, folder, expected.prompt_ids.length);
    const chunks = [0, 1, 12, 13, 24].map((end, i, ends) => expected.prompt_ids.slice(ends[i - 1] ?? 0, end)).slice(1);
    const rows: number[] = [];
    for (const chunk of chunks) rows.push(...(await chunked.push(chunk)));
    expect(error(Float32Array.from(rows), await whole.push(expected.prompt_ids))).toBe(0);
  });

  test("the same logits when nothing can be fused, but that gate and up are rounded before they meet", async () => {
    const { prompt_ids: prompt } = expected;
    const apart: WeightDevice = {
      refusesToFuse: () => "apart for the test",
      prepare: (parts) => device.prepare(parts),
    };
    await using fusedSequence = await openSequence(device, folder, prompt.length);
    await using apartSequence = await openSequence(device, folder, prompt.length, apart);
    expect(error(await apartSequence.push(prompt), await fusedSequence.push(prompt))).toBeLessThan(1e-5);
  });

  test("greedy tokens, with logits of one row a step", async () => {
    const { prompt_ids: prompt, greedy_ids: greedy } = expected;
    await using sequence = await openSequence(device, folder, prompt.length + greedy.length);
    const found = [likeliest(await sequence.push(prompt, 1))];
    while (found.length < greedy.length) found.push(likeliest(await sequence.push(found.slice(-1))));
    expect(found).toEqual(greedy);
  });

  const { short } = expected;
  if (short === undefined) return;
  test("logits of a prompt within the original length", async () => {
    await using sequence = await openSequence(device, folder, short.prompt_ids.length);
    const found = await sequence.push(short.prompt_ids);
    expect(error(found, await readLogits(folder, "logits_short"))).toBeLessThan(tolerance);
  });
});
