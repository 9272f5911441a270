import { expect, test } from "vitest";
import { openMemory } from "../io/memory-source.ts";
import { FormatError, RequestError } from "../util/errors.ts";
import { StoredTensor } from "./stored-tensor.ts";
import { TensorSlice } from "./tensor-slice.ts";

const bytes = Uint8Array.from({ length: 24 }, (_, i) => i);
const stack = new StoredTensor(
  { name: "experts", dtype: "U8", shape: [4, 2, 3], offset: 0, byteLength: 24 },
  openMemory(bytes),
);

test("a slice is a tensor of its own", async () => {
  const slice = TensorSlice.member(stack, 2);
  expect(slice).toMatchObject({ name: "experts[2]", dtype: "U8", shape: [2, 3], byteLength: 6 });
  expect(await slice.read()).toEqual(bytes.slice(12, 18));
  expect(await slice.read({ start: 1, end: 3 })).toEqual(bytes.slice(13, 15));
  await expect(slice.read({ end: 7 })).rejects.toThrow(RequestError);
});

test("there are no more slices than the stack has", () => {
  expect(() => TensorSlice.member(stack, 4)).toThrow(FormatError);
  expect(() => TensorSlice.member(TensorSlice.member(TensorSlice.member(stack, 0), 0), 0)).toThrow(FormatError);
});

test("rows of a matrix are a matrix", async () => {
  const slice = TensorSlice.rows(TensorSlice.member(stack, 1), { start: 1, end: 2 });
  expect(slice).toMatchObject({ name: "experts[1][1:2]", shape: [1, 3], byteLength: 3 });
  expect(await slice.read()).toEqual(bytes.slice(9, 12));
});

test.each([
  [0, 5],
  [2, 2],
  [0.5, 2],
  [-1, 2],
])("there are no rows %f to %f", (start, end) => {
  expect(() => TensorSlice.rows(stack, { start, end })).toThrow(FormatError);
});
