import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { FormatError, IoError } from "../util/errors.ts";
import { openFile } from "./file-source.node.ts";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fewbit-file-"));
});

afterAll(() => rm(folder, { recursive: true }));

test("a missing file says so, with its path", async () => {
  const path = join(folder, "missing.safetensors");
  await expect(openFile(path)).rejects.toThrow(`${path}: cannot be opened: no such file`);
  await expect(openFile(path)).rejects.toThrow(IoError);
});

test("a folder is no file", async () => {
  await expect(openFile(folder)).rejects.toThrow(/is a folder, not a file/);
});

test.skipIf(process.platform === "win32")("a named pipe is refused instead of waited for", async () => {
  const path = join(folder, "pipe");
  execFileSync("mkfifo", [path]);
  await expect(openFile(path)).rejects.toThrow(/not a file/);
});

test("a file cut short while it is open gives an error, not stale or zero bytes", async () => {
  const path = join(folder, "shrinks");
  await writeFile(path, new Uint8Array(20 * 2 ** 20).fill(7));
  await using source = await openFile(path);
  await truncate(path, 10 * 2 ** 20);
  expect((await source.read(0, 10 * 2 ** 20)).every((byte) => byte === 7)).toBe(true);
  await expect(source.read(10 * 2 ** 20, 1)).rejects.toThrow(FormatError);
  await expect(source.read(0, 20 * 2 ** 20)).rejects.toThrow(
    /had 20971520 bytes when it was opened and was cut short meanwhile/,
  );
});

test("a host's own mapping is used when given, lent on request, and unmapped once", async () => {
  const path = join(folder, "mapped");
  await writeFile(path, "few bits");
  let unmapped = 0;
  const map = async (name: string) => ({ bytes: new Uint8Array(await readFile(name)), unmap: () => void unmapped++ });
  const source = await openFile(path, { map });
  expect(source.label).toBe(path);
  const [lent, again] = [await source.read(4, 4, { borrow: true }), await source.read(0, 8, { borrow: true })];
  expect(new TextDecoder().decode(lent)).toBe("bits");
  expect(lent.buffer).toBe(again.buffer);
  expect((await source.read(4, 4)).buffer).not.toBe(lent.buffer);
  await source.close();
  await source.close();
  expect(unmapped).toBe(1);
});
