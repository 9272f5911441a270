import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Device } from "../../src/device/backend.ts";
import { availableImplementations } from "../conformance/backends.ts";
import { normalisedError } from "../conformance/normalised-error.ts";
import { largestError, likeliest } from "./compare-logits.ts";
import { goldenFile, openSequence } from "./golden-model.ts";

/** Files of ggml from their bytes to logits and greedy tokens, against float32 on the weights as ggml's C code decodes them. */

/** With f32 activations: the largest difference over the standard deviation of the logits. Two orders of rounding, nothing else. */
const tolerance = 1e-4;

/** Of models without quantized weights, whose activations are f32 throughout. */
const f32Error = 1e-11;

/** With 8-bit activations: the largest normalised error of the prompt's logits, a quarter above what was found when it was written down. */
const int8Errors: Readonly<Record<string, number>> = {
  // These lie in the repository.
  "mini-split-Q4_0": 3.1e-4,
  "midi-be-Q4_K_M": 2.9e-4,
  "legacy-ggjt1-Q4_0": 3.4e-4,
  // And these in the larger set.
  "mini-v1-Q4_0": 3.1e-4,
  "mini-v2-Q4_0": 3.1e-4,
  "mini-bf16embd-Q4_0": 3.2e-4,
  "legacy-ggjt3-Q4_0": 3.3e-4,
  "legacy-ggjt3-Q8_0": 3.2e-4,
  "tiny-IQ2_XS": 6.2e-4,
  "tiny-IQ4_XS": 5.9e-4,
  "tiny-Q4_K_M": 5.9e-4,
  "tiny-Q6_K": 7.1e-4,
  "midi-F16": f32Error,
  "midi-BF16": f32Error,
  llama3: f32Error,
  "llama-linear-bf16": f32Error,
  "phi3-bf16": f32Error,
  "phi3-longrope": f32Error,
  qwen2: f32Error,
  qwen3: f32Error,
};

describe.each(await availableImplementations())("$label", (implementation) => {
  const { activations } = implementation;
  let device: Device;
  beforeAll(async () => {
    device = await implementation.open({ threads: 1 }); // models this small gain nothing from more
  });
  afterAll(() => device[Symbol.asyncDispose]());

  describe.each(Object.entries(int8Errors))("%s", (name, int8Error) => {
    const model = goldenFile(name);
    if (model === undefined) {
      test.skip("the larger set of fixtures is not beside the checkout");
      return;
    }
    const { prompt_ids: prompt, greedy_ids: greedy } = model.expected;

    test("logits of the prompt", async () => {
      await using sequence = await openSequence(device, model, { length: prompt.length });
      const found = await sequence.push(prompt);
      const expected = await model.readLogits("logits");
      if (activations === "f32") expect(largestError(found, expected)).toBeLessThan(tolerance);
      else expect(normalisedError(found, expected)).toBeLessThan(int8Error);
    });

    test.skipIf(activations === "int8")("greedy tokens", async () => {
      await using sequence = await openSequence(device, model, { length: prompt.length + greedy.length });
      const found = [likeliest(await sequence.push(prompt, 1))];
      while (found.length < greedy.length) found.push(likeliest(await sequence.push(found.slice(-1))));
      expect(found).toEqual(greedy);
    });
  });
});
