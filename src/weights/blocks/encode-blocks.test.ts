import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { sampleValues } from "../../../test/fixtures/blocks/sample-values.mjs";
import { fixtures } from "../../../test/support/fixtures.ts";
import { UnsupportedError } from "../../util/errors.ts";
import { blockLayouts } from "./block-type.ts";
import { plainSearch } from "./candidate-search.ts";
import { encodeBlocks, writtenBlockTypes } from "./encode-blocks.ts";
import { readBlocks } from "./read-blocks.ts";

/** What ggml's own reference quantizers make of the same values; make-errors.mjs beside the file says how. */
const ofGgml = JSON.parse(readFileSync(join(fixtures, "blocks", "errors.json"), "utf8")) as Readonly<
  Record<string, number>
>;

function relativeError(found: Float32Array, wanted: Float32Array): number {
  let error = 0;
  let power = 0;
  for (const [i, value] of wanted.entries()) {
    error += (found[i] - value) ** 2;
    power += value ** 2;
  }
  return error / power;
}

describe.each(writtenBlockTypes)("%s", (type) => {
  test("is nearer than ggml's reference on the same values", async () => {
    const values = sampleValues(16384);
    const error = relativeError(readBlocks(type, await encodeBlocks(type, values, plainSearch)), values);
    expect(error).toBeLessThan(ofGgml[type]);
    expect(error).toBeGreaterThan(ofGgml[type] / 5);
  });

  test("holds zeros exactly, and one magnitude with both signs nearly so", async () => {
    const values = new Float32Array(3 * 256);
    for (let i = 256; i < values.length; i++) values[i] = i % 3 === 0 ? 0.5 : -0.5;
    const bytes = await encodeBlocks(type, values, plainSearch);
    expect(bytes.byteLength).toBe((values.length / blockLayouts[type].values) * blockLayouts[type].bytes);
    const found = readBlocks(type, bytes);
    expect(found.subarray(0, 256).every((value) => value === 0)).toBe(true);
    expect(relativeError(found, values)).toBeLessThan(2e-3);
  });

  test("values too small or too large for its scales stay finite", async () => {
    for (const magnitude of [1e-30, 1e30]) {
      const values = sampleValues(512).map((value) => value * magnitude);
      const found = readBlocks(type, await encodeBlocks(type, values, plainSearch));
      expect(found.every(Number.isFinite)).toBe(true);
    }
  });

  test.each([NaN, Infinity, -Infinity])("has no place for %d", async (value) => {
    const values = sampleValues(512);
    values[300] = value;
    await expect(encodeBlocks(type, values, plainSearch)).rejects.toThrow(UnsupportedError);
  });
});

test.each(["TQ1_0", "TQ2_0"] as const)("%s holds ternary weights bit for bit", async (type) => {
  const values = Float32Array.from({ length: 1024 }, (_, i) => ((i * i + (i >> 3)) % 3) - 1).map(
    (trit) => trit * 0.125,
  );
  expect(readBlocks(type, await encodeBlocks(type, values, plainSearch))).toEqual(values.map((value) => value + 0));
});
