import { describe, expect, test } from "vitest";
import { randomAffine, type AffineShape } from "../../test/conformance/random-weight.ts";
import { Random } from "../../test/conformance/random.ts";
import { affineForm } from "../weights/affine-form.ts";
import { compareWeights } from "../weights/compare-weights.ts";
import { affineBits, codeOrders, floatBytes, type FloatType } from "../weights/packed-weight.ts";
import { summarize } from "../weights/packed-weight.ts";
import { codeOrderLimits } from "../weights/code-order-limits.ts";
import { encoders } from "./encoders.ts";
import { decodeModule } from "./format-test-kit.ts";
import { withBytes } from "./weight-encoder.ts";

const shapes = [
  { inFeatures: 64, outFeatures: 64, groupSize: 32 },
  { inFeatures: 64, outFeatures: 64, groupSize: 64 },
  { inFeatures: 96, outFeatures: 32, groupSize: 64 }, // a short group at the end
  { inFeatures: 128, outFeatures: 256, groupSize: 128 }, // the least that Marlin takes
] as const;

/** Bits, z: with zero points, r: reordered. */
const heldBy: Readonly<Record<string, string>> = {
  gptq: "2 2r 2rz 2z 3 3r 3rz 3z 4 4r 4rz 4z 8 8r 8rz 8z",
  gptq_v2: "2 2r 2rz 2z 3 3r 3rz 3z 4 4r 4rz 4z 8 8r 8rz 8z",
  gptq_p: "2 2r 2rz 2z 3 3r 3rz 3z 4 4r 4rz 4z 5 5r 5rz 5z 6 6r 6rz 6z 7 7r 7rz 7z 8 8r 8rz 8z",
  awq: "4 4z",
  "compressed-tensors": "2 2r 2rz 2z 3 3r 3rz 3z 4 4r 4rz 4z 5 5r 5rz 5z 6 6r 6rz 6z 7 7r 7rz 7z 8 8r 8rz 8z",
  marlin: "4",
};

const cases: readonly AffineShape[] = shapes.flatMap((shape) =>
  affineBits.flatMap((bits) =>
    codeOrders
      .filter((order) => {
        if (shape === shapes[3] && bits !== 4) return false;
        const { bits: widths, inMultiple, outMultiple } = codeOrderLimits(order, bits);
        return widths.includes(bits) && shape.inFeatures % inMultiple === 0 && shape.outFeatures % outMultiple === 0;
      })
      .flatMap((order): AffineShape[] =>
        [undefined, "bytes" as const].flatMap((zeros) =>
          [false, true].map((reordered) => ({ ...shape, bits, order, reordered, ...(zeros && { zeros }) })),
        ),
      ),
  ),
);

describe.each(encoders)("$name", (encoder) => {
  test("what it does not refuse is read back bit for bit, from every order, width and group size", () => {
    const random = new Random(7);
    const held = new Set<string>();
    for (const shape of cases) {
      const weight = randomAffine(random, shape);
      if (encoder.refuses(weight) !== undefined) continue;
      const tensors = [...withBytes(encoder.encode("layer", weight)).values()];
      for (const { name, bytes, shape: dimensions, dtype } of tensors)
        expect(bytes.byteLength, name).toBe(
          dimensions.reduce((a, b) => a * b, dtype === "I64" ? 8 : dtype === "I32" ? 4 : 2),
        );
      const config = encoder.declare([{ name: "layer", ...summarize(weight) }], []);
      const { weight: found, warnings, format } = decodeModule(tensors, { config });
      const label = JSON.stringify(shape);
      expect(compareWeights(found, weight), label).toBeUndefined();
      expect(summarize(found), label).toMatchObject({ bits: shape.bits, groupSize: shape.groupSize });
      expect(warnings, label).toEqual([]);
      held.add(`${shape.bits}${shape.reordered ? "r" : ""}${shape.zeros ? "z" : ""}`);
      expect(encoder.name).toMatch(format.name.slice(0, 4));
    }
    expect([...held].sort().join(" ")).toBe(heldBy[encoder.name]);
  });

  test("takes back what it has read: the same bytes", () => {
    const random = new Random(8);
    const weight = randomAffine(random, { ...shapes[3], bits: 4 });
    const first = withBytes(encoder.encode("layer", weight));
    const config = encoder.declare([{ name: "layer", ...summarize(weight) }], []);
    const decoded = affineForm(decodeModule([...first.values()], { config }).weight);
    if (decoded === undefined) throw new Error("not affine");
    expect(withBytes(encoder.encode("layer", decoded))).toEqual(first);
  });

  test.each(["f16", "bf16", "f32"] as const)("scales of %s", (scaleType: FloatType) => {
    const weight = randomAffine(new Random(9), { ...shapes[3], bits: 4, scaleType });
    const refusal = encoder.refuses(weight);
    if (refusal !== undefined) {
      expect(refusal).toMatch(/scales that f16 does not hold/);
      return;
    }
    const tensors = [...withBytes(encoder.encode("layer", weight)).values()];
    const config = encoder.declare([{ name: "layer", ...summarize(weight) }], []);
    const { weight: found } = decodeModule(tensors, { config });
    expect(compareWeights(found, weight)).toBeUndefined();
    expect(floatBytes[summarize(found).type as FloatType]).toBe(floatBytes[scaleType]);
  });
});
