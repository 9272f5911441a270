import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Device } from "../../src/device/backend.ts";
import { availableImplementations } from "../conformance/backends.ts";
import { normalisedError } from "../conformance/normalised-error.ts";
import { largestError, likeliest } from "./compare-logits.ts";
import { openSequence, type GoldenModel, type GoldenSequenceOptions } from "./golden-model.ts";

/** With f32 activations: the largest difference over the standard deviation of the logits. Two orders of rounding, nothing else. */
const tolerance = 1e-4;

/**
 * Tests of logits and greedy tokens on every implementation. `int8Errors` has for each model the largest normalised error of its
 * prompt's logits with 8-bit activations; `open` gives undefined for those of the larger set that are not here.
 */
export async function describeLogits(
  int8Errors: Readonly<Record<string, number>>,
  open: (name: string) => GoldenModel | undefined,
  optionsOf: (name: string) => Pick<GoldenSequenceOptions, "warn"> = () => ({}),
): Promise<void> {
  describe.each(await availableImplementations())("$label", (implementation) => {
    const { activations } = implementation;
    let device: Device;
    beforeAll(async () => {
      device = await implementation.open({ threads: 1 }); // models this small gain nothing from more
    });
    afterAll(() => device[Symbol.asyncDispose]());

    describe.each(Object.entries(int8Errors))("%s", (name, int8Error) => {
      const model = open(name);
      if (model === undefined) {
        test.skip("the larger set of fixtures is not beside the checkout");
        return;
      }
      const { prompt_ids: prompt, greedy_ids: greedy } = model.expected;
      const options = optionsOf(name);

      test("logits of the prompt", async () => {
        await using sequence = await openSequence(device, model, { length: prompt.length, ...options });
        const found = await sequence.push(prompt);
        const expected = await model.readLogits("logits");
        if (activations === "f32") expect(largestError(found, expected)).toBeLessThan(tolerance);
        else expect(normalisedError(found, expected)).toBeLessThan(int8Error);
      });

      test.skipIf(activations === "int8")("greedy tokens", async () => {
        const length = prompt.length + greedy.length;
        await using sequence = await openSequence(device, model, { length, ...options });
        const found = [likeliest(await sequence.push(prompt, 1))];
        while (found.length < greedy.length) found.push(likeliest(await sequence.push(found.slice(-1))));
        expect(found).toEqual(greedy);
      });
    });
  });
}
