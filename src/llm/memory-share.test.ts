import { expect, test } from "vitest";
import { OutOfMemoryError, UnsupportedError } from "../util/errors.ts";
import { bufferBytes, leastWeightBytes, shareOfMemory } from "./memory-share.ts";

const deviceOf = (totalBytes: number, freeBytes: number) =>
  ({ backend: "cuda", memory: () => ({ totalBytes, freeBytes }) }) as const;

test("a share of the whole, of what is free", () => {
  expect(shareOfMemory(deviceOf(2 ** 34, 2 ** 34), 0.5)).toBe(2 ** 33);
  const taken = (): number => shareOfMemory(deviceOf(2 ** 34, 2 ** 32), 0.5);
  expect(taken).toThrow(OutOfMemoryError);
  expect(taken).toThrow("0.5 of the device's 16384 MiB are 8192 MiB, and 4096 MiB are free");
});

test("a device that does not know what it has", () => {
  expect(() => shareOfMemory({ backend: "reference" }, 0.5)).toThrow(UnsupportedError);
});

test("weights take no less than their codes, or a byte for a float", () => {
  const tensors = [
    { dtype: "I32", byteLength: 400 },
    { dtype: "F16", byteLength: 200 },
    { dtype: "F32", byteLength: 400 },
    { dtype: "Q4_K", byteLength: 144 },
  ];
  expect(leastWeightBytes(tensors)).toBe(400 + 100 + 100 + 144);
});

test("buffers have a row for each token, or each output", () => {
  const buffers = [
    { name: "x", rows: "tokens", width: 8 },
    { name: "logits", rows: "outputs", width: 100 },
  ] as const;
  expect(bufferBytes({ buffers }, { maxTokens: 512, maxOutputs: 4 })).toBe(4 * (8 * 512 + 100 * 4));
});
