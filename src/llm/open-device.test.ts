import { expect, test } from "vitest";
import { createReferenceBackend } from "../backends/reference/reference-backend.ts";
import type { Backend } from "../device/backend.ts";
import { RequestError, UnsupportedError } from "../util/errors.ts";
import { openDevice } from "./open-device.ts";

const reference = createReferenceBackend();
const absent: Backend = {
  name: "cpu",
  probe: () => Promise.resolve({ name: "cpu", available: false, detail: "no native library" }),
  open: () => Promise.reject(new UnsupportedError("cpu: no native library")),
};

test("auto takes the first that can run, without a word where that is the best", async () => {
  const warnings: string[] = [];
  await using device = await openDevice([reference, absent], "auto", {}, (message) => warnings.push(message));
  expect(device.backend).toBe("reference");
  expect(warnings).toEqual([]);
});

test("auto says why it passes over a better one", async () => {
  const warnings: string[] = [];
  await using device = await openDevice([absent, reference], "auto", {}, (message) => warnings.push(message));
  expect(device.backend).toBe("reference");
  expect(warnings).toEqual(["using the reference backend, because cpu cannot run: no native library"]);
});

test("a backend that is named is that one, or an error", async () => {
  const warn = (message: string): never => {
    throw new Error(message);
  };
  await using device = await openDevice([absent, reference], "reference", {}, warn);
  expect(device.backend).toBe("reference");
  await expect(openDevice([absent, reference], "cpu", {}, warn)).rejects.toThrow("no native library");
  await expect(openDevice([absent, reference], "cuda", {}, warn)).rejects.toThrow(RequestError);
  await expect(openDevice([absent, reference], "cuda", {}, warn)).rejects.toThrow("auto, cpu, reference");
});

test("nothing can run", async () => {
  await expect(openDevice([absent], "auto", {}, () => undefined)).rejects.toThrow(UnsupportedError);
  await expect(openDevice([absent], "auto", {}, () => undefined)).rejects.toThrow("no native library");
});
