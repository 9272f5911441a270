import { describe, expect, test } from "vitest";
import { FormatError } from "../util/errors.ts";
import { checkWeight } from "./check-weight.ts";
import type { AffineZeroWeight, DenseWeight, MixedAffineWeight, PackedWeight } from "./packed-weight.ts";

const affine: AffineZeroWeight = {
  scheme: "affine-zero",
  inFeatures: 64,
  outFeatures: 32,
  bits: 4,
  groupSize: 48,
  codes: new Uint8Array(1024),
  order: "lsb-k",
  scales: new Uint8Array(2 * 32 * 2),
  scaleType: "f16",
  zeros: { bytes: new Uint8Array(2 * 16), order: "lsb-n" },
  rowOrder: Uint32Array.from({ length: 64 }, (_, r) => 63 - r),
};
const dense: DenseWeight = { scheme: "dense", inFeatures: 5, outFeatures: 3, type: "bf16", values: new Uint8Array(30) };
const mixed: MixedAffineWeight = {
  scheme: "affine-mixed",
  inFeatures: 42,
  outFeatures: 3,
  groups: [
    { bits: 5, inputs: 32 },
    { bits: 3, inputs: 10 },
  ],
  columns: 8,
  codes: new Uint8Array(4 * 6 * 8),
  scaleCodes: new Uint8Array(8),
  scaleMaxima: new Uint8Array(4),
};

describe("checkWeight", () => {
  test.each([affine, dense, mixed])("accepts a consistent $scheme weight", (weight) => {
    expect(() => {
      checkWeight(weight, "layer");
    }).not.toThrow();
  });

  const repeated = Uint32Array.from({ length: 64 }, (_, r) => Math.max(r, 1));
  const beyond = Uint32Array.from({ length: 64 }, (_, r) => r + 1);
  test.each([
    ["no input", { ...dense, inFeatures: 0 }, "layer: inFeatures is 0"],
    ["a fraction of an output", { ...dense, outFeatures: 2.5 }, "outFeatures is 2.5"],
    ["values too few", { ...dense, values: new Uint8Array(29) }, "values take 29 bytes; the shape needs 30"],
    ["a product beyond 2^53", { ...dense, inFeatures: 2 ** 30, outFeatures: 2 ** 30 }, "more than can be addressed"],
    ["a group of nothing", { ...affine, groupSize: 0 }, "groupSize is 0"],
    ["a group larger than the input", { ...affine, groupSize: 65 }, "groupSize is 65"],
    ["codes too many", { ...affine, codes: new Uint8Array(1025) }, "codes take 1025 bytes; the shape needs 1024"],
    [
      "codes that end inside a word",
      { ...affine, inFeatures: 60 },
      "inFeatures is 60; 4-bit codes in the order lsb-k need a multiple of 8",
    ],
    ["a width that the order has not", { ...affine, order: "byte-rows" }, "holds codes of 8 bit, these have 4"],
    ["outputs that are no whole tiles", { ...affine, order: "marlin" }, "need a multiple of 64"],
    ["scales of one group of two", { ...affine, scales: new Uint8Array(64) }, "scales take 64 bytes"],
    ["zeros too few", { ...affine, zeros: { bytes: new Uint8Array(31), order: "lsb-n" } }, "zeros take 31 bytes"],
    [
      "legacy zeros of 4 bit",
      { ...affine, zeros: { bytes: new Uint8Array(32), order: "lsb-n-minus-legacy" } },
      "3 bit only",
    ],
    ["a mixed width that does not exist", { ...mixed, groups: [{ bits: 7, inputs: 42 }] }, "group 0 has 7 bit"],
    ["groups of fewer inputs", { ...mixed, groups: [{ bits: 5, inputs: 32 }] }, "groups of 32 inputs for 42"],
    ["no groups", { ...mixed, groups: [] }, "groups of 0 inputs for 42"],
    ["an empty group", { ...mixed, groups: [{ bits: 5, inputs: 0 }, mixed.groups[0]] }, "the size of group 0 is 0"],
    ["more outputs than are stored", { ...mixed, outFeatures: 9 }, "columns is 8"],
    ["columns that end inside a word", { ...mixed, columns: 9 }, "no multiple of 8"],
    [
      "mixed codes too few",
      { ...mixed, codes: new Uint8Array(4 * 5 * 8) },
      "codes take 160 bytes; the shape needs 192",
    ],
    ["scale codes too few", { ...mixed, scaleCodes: new Uint8Array(7) }, "scaleCodes take 7 bytes"],
    ["maxima too few", { ...mixed, scaleMaxima: new Uint8Array(2) }, "scaleMaxima take 2 bytes"],
    ["a mixed row order too short", { ...mixed, rowOrder: new Uint32Array(41) }, "41 entries for 42"],
    ["a row order too short", { ...affine, rowOrder: new Uint32Array(63) }, "63 entries for 64"],
    ["a row order with a repetition", { ...affine, rowOrder: repeated }, "names input feature 1 twice"],
    ["a row order beyond the inputs", { ...affine, rowOrder: beyond }, "rowOrder[63] is 64"],
  ] as const)("refuses %s", (_, weight, message) => {
    const check = (): void => {
      checkWeight(weight as PackedWeight, "layer");
    };
    expect(check).toThrow(FormatError);
    expect(check).toThrow(message);
  });
});
