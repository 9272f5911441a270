import { expect, test } from "vitest";
import type { Program, View } from "../device/program.ts";
import { decodeBytesPerToken, promptOperations } from "./program-cost.ts";

const view = (buffer: number): View => ({ buffer, offset: 0, width: 8 });
const cache = { kind: "paged", kvHeads: 1, headDim: 8 } as const;

/** An embedding that is the head too, one linear, and a cache of each kind. */
const program: Program = {
  buffers: [
    { name: "x", rows: "tokens", width: 8 },
    { name: "y", rows: "tokens", width: 8 },
    { name: "last", rows: "outputs", width: 8 },
    { name: "logits", rows: "outputs", width: 100 },
  ],
  weights: [
    { parts: ["embedding"], inFeatures: 8, outFeatures: 100, summaries: [] },
    { parts: ["linear"], inFeatures: 8, outFeatures: 8, summaries: [] },
  ],
  vectors: [],
  ropes: [],
  pageKinds: [{}, { window: 10 }],
  caches: [
    { ...cache, pageKind: 0 },
    { ...cache, pageKind: 1 },
  ],
  ops: [
    { op: "embed", table: 0, out: view(0) },
    { op: "linear", input: view(0), weight: 1, out: view(1) },
    { op: "gather", input: view(1), out: view(2) },
    { op: "linear", input: view(2), weight: 0, out: view(3) },
  ],
  vocabSize: 100,
};
const weights = [{ byteLength: 1600 }, { byteLength: 40 }];
const device = { pageSize: 4, pageBytes: () => 64 };

test("a token reads each weight, one row of the table, and what it sees of the caches", () => {
  const perPosition = 16;
  expect(decodeBytesPerToken(program, weights, device, { batch: 1, positions: 6 })).toBe(
    1640 + 16 + 6 * perPosition + 6 * perPosition,
  );
  expect(decodeBytesPerToken(program, weights, device, { batch: 1, positions: 30 })).toBe(
    1640 + 16 + 30 * perPosition + 10 * perPosition,
  );
});

test("the tokens of a step share its weights, and nothing else", () => {
  expect(decodeBytesPerToken(program, weights, device, { batch: 4, positions: 1 })).toBe(1640 / 4 + 16 + 32);
});

test("a prompt multiplies every token by the linear, and the last by the head", () => {
  expect(promptOperations(program, 5)).toBe(2 * 8 * 8 * 5 + 2 * 8 * 100);
});
