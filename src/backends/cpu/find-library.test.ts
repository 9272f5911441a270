import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findLibrary, type LibraryPlace } from "./find-library.node.ts";

let root: string;
beforeEach(() => void (root = mkdtempSync(join(tmpdir(), "fewbit-library-"))));
afterEach(() => rmSync(root, { recursive: true }));

const put = (path: string): string => {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, "");
  return file;
};
const place = (more: Partial<LibraryPlace> = {}): LibraryPlace => ({
  platform: "linux",
  arch: "x64",
  isMusl: () => false,
  module: pathToFileURL(join(root, "dist", "cpu.mjs")),
  ...more,
});

const compiled = "build/native/linux-x64/libfewbit-cpu.so";
const packaged = "node_modules/@fewbit/cpu-linux-x64/libfewbit-cpu.so";

test("what the environment names, then what was compiled here, then the platform's package", () => {
  const override = put("mine.so");
  expect(() => findLibrary(place())).toThrow("@fewbit/cpu-linux-x64");
  const inPackage = put(packaged);
  expect(findLibrary(place())).toBe(inPackage);
  const inCheckout = put(compiled);
  expect(findLibrary(place())).toBe(inCheckout);
  expect(findLibrary(place({ override }))).toBe(override);
});

test("from the sources as from the bundle", () => {
  const inCheckout = put(compiled);
  expect(findLibrary(place({ module: pathToFileURL(join(root, "src/backends/cpu/x.ts")) }))).toBe(inCheckout);
});

test.each([
  ["darwin", "arm64", "libfewbit-cpu.dylib"],
  ["win32", "x64", "libfewbit-cpu.dll"],
])("%s has its own package and file name", (platform, arch, file) => {
  const inPackage = put(`node_modules/@fewbit/cpu-${platform}-${arch}/${file}`);
  expect(findLibrary(place({ platform, arch }))).toBe(inPackage);
});

test("nothing of the environment's name is no reason to take another", () => {
  put(packaged);
  expect(() => findLibrary(place({ override: join(root, "gone.so") }))).toThrow("gone.so, which does not exist");
});

test("musl takes what was compiled on it, never the package for glibc", () => {
  const isMusl = (): boolean => true;
  put(packaged);
  expect(() => findLibrary(place({ isMusl }))).toThrow("musl, only for systems with glibc");
  const inCheckout = put(compiled);
  expect(findLibrary(place({ isMusl }))).toBe(inCheckout);
});
