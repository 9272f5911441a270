import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createReferenceBackend } from "../../src/backends/reference/reference-backend.ts";
import type { Device } from "../../src/device/backend.ts";
import { largestError, likeliest } from "./compare-logits.ts";
import { goldenFile, openSequence } from "./golden-model.ts";

/** Files of ggml from their bytes to logits and greedy tokens, against float32 on the weights as ggml's C code decodes them. */

/** Largest difference over the standard deviation of the logits: two orders of rounding, nothing else. */
const tolerance = 1e-4;

const names = [
  ...["mini-split-Q4_0", "midi-be-Q4_K_M", "legacy-ggjt1-Q4_0"], // these lie in the repository
  ...["mini-v1-Q4_0", "mini-v2-Q4_0", "mini-bf16embd-Q4_0", "legacy-ggjt3-Q4_0", "legacy-ggjt3-Q8_0"],
  ...["tiny-IQ2_XS", "tiny-IQ4_XS", "tiny-Q4_K_M", "tiny-Q6_K", "midi-F16", "midi-BF16"],
  ...["llama3", "llama-linear-bf16", "phi3-bf16", "phi3-longrope", "qwen2", "qwen3"],
];

let device: Device;
beforeAll(async () => {
  device = await createReferenceBackend().open({ threads: 1 });
});
afterAll(() => device[Symbol.asyncDispose]());

describe.each(names)("%s", (name) => {
  const model = goldenFile(name);
  if (model === undefined) {
    test.skip("the larger set of fixtures is not beside the checkout");
    return;
  }
  const { prompt_ids: prompt, greedy_ids: greedy } = model.expected;

  test("logits of the prompt", async () => {
    await using sequence = await openSequence(device, model, { length: prompt.length });
    expect(largestError(await sequence.push(prompt), await model.readLogits("logits"))).toBeLessThan(tolerance);
  });

  test("greedy tokens", async () => {
    await using sequence = await openSequence(device, model, { length: prompt.length + greedy.length });
    const found = [likeliest(await sequence.push(prompt, 1))];
    while (found.length < greedy.length) found.push(likeliest(await sequence.push(found.slice(-1))));
    expect(found).toEqual(greedy);
  });
});
