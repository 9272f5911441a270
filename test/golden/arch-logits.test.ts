import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { WeightDevice } from "../../src/compile/load-weights.ts";
import type { Device } from "../../src/device/backend.ts";
import { availableImplementations } from "../conformance/backends.ts";
import { largestError, likeliest } from "./compare-logits.ts";
import { goldenModel, openSequence } from "./golden-model.ts";

/**
 * Every architecture from its files to its logits, against transformers in float32 (fixtures/README.md). What one setting misread does
 * to the logits is in `wrong_if` of each expected.json: at least 0.01 on this scale.
 */

/** Largest difference over the standard deviation of the logits. Both sides round to f32 in an order of their own; 1e-5 is usual. */
const tolerance = 1e-4;

const names = [
  ...["llama3", "llama-tied", "mistral", "phi3-longrope", "qwen2-swa", "qwen3"], // these lie in the repository
  ...["gpt-neox", "gpt-oss-mxfp4", "granite", "qwen2-moe"], // and these
  ...["llama-linear", "llama-mha", "llama-minimal", "phi3", "qwen2", "qwen2-yarn"],
  ...[
    "gemma2",
    "gemma3-nested",
    "gemma3-text",
    "gpt-oss-mxfp4",
    "mixtral",
    "olmo2",
    "phi",
    "qwen3-moe",
    "stablelm",
    "starcoder2",
  ],
];

// Nothing in these models is quantized: with int8 activations the linears are the same.
const implementations = (await availableImplementations()).filter(({ activations }) => activations === "f32");

describe.each(implementations)("$label", (implementation) => {
  let device: Device;
  beforeAll(async () => {
    device = await implementation.open({ threads: 1 }); // models this small gain nothing from more
  });
  afterAll(() => device[Symbol.asyncDispose]());

  describe.each(names)("%s", (name) => {
    const model = goldenModel("arch", name);
    if (model === undefined) {
      test.skip("the larger set of fixtures is not beside the checkout");
      return;
    }
    const { prompt_ids: prompt, greedy_ids: greedy, short } = model.expected;

    test("logits of the whole prompt", async () => {
      await using sequence = await openSequence(device, model, { length: prompt.length });
      expect(largestError(await sequence.push(prompt), await model.readLogits("logits"))).toBeLessThan(tolerance);
    });

    test("the same logits, to the bit, when the prompt comes in chunks", async () => {
      await using whole = await openSequence(device, model, { length: prompt.length });
      await using chunked = await openSequence(device, model, { length: prompt.length });
      const chunks = [0, 1, 12, 13, 24].map((end, i, ends) => prompt.slice(ends[i - 1] ?? 0, end)).slice(1);
      const rows: number[] = [];
      for (const chunk of chunks) rows.push(...(await chunked.push(chunk)));
      expect(largestError(Float32Array.from(rows), await whole.push(prompt))).toBe(0);
    });

    test("the same logits when nothing can be fused, but that gate and up are rounded before they meet", async () => {
      const preparer: WeightDevice = {
        refusesToFuse: () => "apart for the test",
        prepare: (parts) => device.prepare(parts),
      };
      await using fused = await openSequence(device, model, { length: prompt.length });
      await using apart = await openSequence(device, model, { length: prompt.length, preparer });
      expect(largestError(await apart.push(prompt), await fused.push(prompt))).toBeLessThan(1e-5);
    });

    test("greedy tokens, with logits of one row a step", async () => {
      await using sequence = await openSequence(device, model, { length: prompt.length + greedy.length });
      const found = [likeliest(await sequence.push(prompt, 1))];
      while (found.length < greedy.length) found.push(likeliest(await sequence.push(found.slice(-1))));
      expect(found).toEqual(greedy);
    });

    if (short === undefined) return;
    test("logits of a prompt within the original length", async () => {
      await using sequence = await openSequence(device, model, { length: short.prompt_ids.length });
      const found = await sequence.push(short.prompt_ids);
      expect(largestError(found, await model.readLogits("logits_short"))).toBeLessThan(tolerance);
    });
  });
});
