import { expect, test } from "vitest";
import { ggmlTypes } from "../../containers/ggml/ggml-type.ts";
import { FormatError, UnsupportedError } from "../../util/errors.ts";
import { blockLayouts, isBlockType } from "../../weights/blocks/block-type.ts";
import { ggmlOutline, ggmlWeight } from "./ggml-weight.ts";

test("containers and weights agree on the size of every block", () => {
  for (const [name, { values, bytes }] of Object.entries(ggmlTypes)) {
    if (values === 1) expect(isBlockType(name)).toBe(false);
    else expect(isBlockType(name) && blockLayouts[name], name).toMatchObject({ values, bytes });
  }
  expect(Object.keys(ggmlTypes)).toEqual(expect.arrayContaining(Object.keys(blockLayouts)));
});

test("blocks and floats become weights of their bytes", () => {
  const blocks = new Uint8Array(3 * 2 * 18);
  expect(ggmlWeight({ name: "t", dtype: "Q4_0", shape: [3, 64], bytes: blocks })).toEqual({
    scheme: "block",
    inFeatures: 64,
    outFeatures: 3,
    type: "Q4_0",
    blocks,
  });
  expect(ggmlWeight({ name: "t", dtype: "BF16", shape: [2, 3], bytes: new Uint8Array(12) }).scheme).toBe("dense");
});

test("a stack of matrices is one of all their rows", () => {
  expect(ggmlOutline({ name: "t", dtype: "Q4_K", shape: [4, 3, 256] })).toMatchObject({
    outFeatures: 12,
    groupSize: 32,
  });
});

test("what is no weight is refused", () => {
  expect(() => ggmlOutline({ name: "t", dtype: "I32", shape: [2, 2] })).toThrow(UnsupportedError);
  expect(() => ggmlOutline({ name: "t", dtype: "F32", shape: [2] })).toThrow(FormatError);
  expect(() => ggmlWeight({ name: "t", dtype: "Q4_0", shape: [3, 64], bytes: new Uint8Array(5) })).toThrow(FormatError);
});
