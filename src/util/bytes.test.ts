import { expect, test } from "vitest";
import { asFloat32, asInt32, asUint16, asUint32, bytesOf } from "./bytes.ts";
import { FormatError } from "./errors.ts";

const bytes = Uint8Array.from({ length: 33 }, (_, i) => i * 37);

test.each([
  ["asUint16", asUint16, 2, (view: DataView, at: number) => view.getUint16(at, true)],
  ["asUint32", asUint32, 4, (view: DataView, at: number) => view.getUint32(at, true)],
  ["asInt32", asInt32, 4, (view: DataView, at: number) => view.getInt32(at, true)],
  ["asFloat32", asFloat32, 4, (view: DataView, at: number) => view.getFloat32(at, true)],
] as const)("%s reads little-endian at any offset and shares memory only when aligned", (_, as, size, get) => {
  for (let start = 0; start <= size; start++) {
    const part = bytes.subarray(start, start + 3 * size);
    const view = as(part);
    const judge = new DataView(part.buffer, part.byteOffset, part.byteLength);
    expect([...view]).toEqual([0, 1, 2].map((i) => get(judge, i * size)));
    expect(view.buffer === bytes.buffer).toBe(start % size === 0);
  }
  expect(() => as(bytes.subarray(0, size + 1))).toThrow(FormatError);
  expect(as(new Uint8Array(0)).length).toBe(0);
});

test("copies an unaligned Buffer, whose slice() would share", () => {
  const buffer = Buffer.from([0, 1, 2, 3, 4, 5, 6, 7, 8]).subarray(1);
  expect([...asUint32(buffer)]).toEqual([0x04030201, 0x08070605]);
});

test("bytesOf shares memory, within the bounds of the view", () => {
  const words = Uint16Array.of(1, 2, 3);
  const found = bytesOf(words.subarray(1, 2));
  expect([...found]).toEqual([2, 0]);
  found[0] = 7;
  expect(words[1]).toBe(7);
});
