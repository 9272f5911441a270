import { expect, test } from "vitest";
import type { Model } from "../models/model.ts";
import { RequestError } from "../util/errors.ts";
import { cachePositionsFor } from "./cache-positions.ts";

/** Layers of one head of four values; a page of 16 positions has 512 bytes of keys and values in f32. */
function modelOf(windows: readonly (number | undefined)[]): Model {
  const layers = windows.map((window) => ({ kind: "attention", kvHeads: 1, headDim: 4, ...(window && { window }) }));
  return { layers } as unknown as Model;
}
const device = { pageSize: 16, pageBytes: () => 512 };
const plan = { contextLength: 64, maxSequences: 4, stepTokens: 16, maxOutputs: 4 };

test("as many whole pages as the bytes hold", () => {
  const model = modelOf([undefined, undefined]); // 1,024 bytes a page of both layers
  expect(cachePositionsFor(model, device, plan, 4 * 1024)).toBe(64);
  expect(cachePositionsFor(model, device, plan, 7 * 1024 + 1023)).toBe(7 * 16);
});

test("no more than all requests could use", () => {
  expect(cachePositionsFor(modelOf([undefined]), device, plan, 1e9)).toBe(256);
});

test("windowed layers take what their windows do", () => {
  const model = modelOf([undefined, 16]);
  const all = cachePositionsFor(model, device, plan, 1e9);
  const some = cachePositionsFor(model, device, plan, 8 * 1024);
  expect(all).toBe(256);
  expect(some).toBeGreaterThanOrEqual(8 * 16);
  expect(some).toBeLessThan(256);
});

test("less than a context is refused, with what it takes", () => {
  const few = (): number => cachePositionsFor(modelOf([undefined]), device, plan, 2047);
  expect(few).toThrow(RequestError);
  expect(few).toThrow("do not hold one context of 64 positions, which takes 2048 bytes");
});
