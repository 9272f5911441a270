import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { lstatSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { IoError } from "../util/errors.ts";
import { writeWholeFile } from "./write-whole-file.ts";

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "fewbit-write-"));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

const hello = (write: (bytes: Uint8Array) => Promise<void>): Promise<void> => write(Buffer.from("hello"));

test("a file is there when it is whole, in the place of what a link names", async () => {
  const path = folder();
  writeFileSync(join(path, "old"), "old");
  symlinkSync(join(path, "old"), join(path, "link"));
  await writeWholeFile(join(path, "link"), hello);
  expect(readFileSync(join(path, "old"), "utf8")).toBe("hello");
  expect(lstatSync(join(path, "link")).isSymbolicLink()).toBe(true);
});

test("what goes wrong leaves the old file and no part of the new one", async () => {
  const path = folder();
  writeFileSync(join(path, "x"), "old");
  const broken = writeWholeFile(join(path, "x"), async (write) => {
    await hello(write);
    throw new RangeError("broken");
  });
  await expect(broken).rejects.toThrow(RangeError);
  expect(readdirSync(path)).toEqual(["x"]);
  expect(readFileSync(join(path, "x"), "utf8")).toBe("old");
});

test("a place that is none is named", async () => {
  const path = folder();
  mkdirSync(join(path, "x"));
  await expect(writeWholeFile(join(path, "x"), hello)).rejects.toThrow(IoError);
  expect(readdirSync(path)).toEqual(["x"]);
  await expect(writeWholeFile(join(path, "no", "x"), hello)).rejects.toThrow(/no\/x: cannot be written \(ENOENT\)/);
});

test.skipIf(!existsSync("/dev/null"))("a device stays one", async () => {
  await writeWholeFile("/dev/null", hello);
  expect(statSync("/dev/null").isCharacterDevice()).toBe(true);
});
