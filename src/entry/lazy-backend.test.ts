import { expect, test } from "vitest";
import { createReferenceBackend } from "../backends/reference/reference-backend.ts";
import { lazyBackend } from "./lazy-backend.ts";

test("loads its code once, when it is needed", async () => {
  let loads = 0;
  const backend = lazyBackend("reference", () => {
    loads++;
    return Promise.resolve(createReferenceBackend());
  });
  expect(loads).toBe(0);
  expect(await backend.probe()).toMatchObject({ name: "reference", available: true });
  await using device = await backend.open();
  expect(device.backend).toBe("reference");
  expect(loads).toBe(1);
});

test("code that does not load cannot run", async () => {
  const backend = lazyBackend("cpu", () => Promise.reject(new Error("no such module")));
  const { available, detail } = await backend.probe();
  expect(available).toBe(false);
  expect(detail).toContain("no such module");
  await expect(backend.open()).rejects.toThrow("no such module");
});
