import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { FormatError, IoError } from "../../util/errors.ts";
import { UsageError } from "../usage-error.ts";
import { readTokenIds } from "./token-ids.ts";

const folder = await mkdtemp(join(tmpdir(), "fewbit-ids-"));
afterAll(() => rm(folder, { recursive: true }));

async function file(content: string): Promise<string> {
  const path = join(folder, "ids.json");
  await writeFile(path, content);
  return `@${path}`;
}

test.each([
  ["1,2,3", [1, 2, 3]],
  ["0", [0]],
  [" 1, 2 ", [1, 2]],
])("%j", async (text, expected) => {
  expect(await readTokenIds(text)).toEqual(expected);
});

test("a file", async () => {
  expect(await readTokenIds(await file("[5, 6,\n7]"))).toEqual([5, 6, 7]);
});

test.each(["", "a", "1,,2", "1,-2", "1.5", "1;2", "4294967296"])("%j is refused", async (text) => {
  await expect(readTokenIds(text)).rejects.toThrow(UsageError);
});

test.each(["[]", "{}", "[1.5]", "[-1]", '["1"]', "[[1]]"])("a file with %s is refused", async (content) => {
  await expect(readTokenIds(await file(content))).rejects.toThrow(UsageError);
});

test.each([
  ["1,2,", "ends with a comma"],
  ["@", "names no file"],
  [`@${folder}`, "is no regular file"],
  ["@/dev/null", "is no regular file"],
])("%s says what is wrong", async (text, message) => {
  await expect(readTokenIds(text)).rejects.toThrow(UsageError);
  await expect(readTokenIds(text)).rejects.toThrow(message);
});

test("a file that is too large is not read", async () => {
  const huge = await file("");
  await truncate(huge.slice(1), 2 ** 26 + 1);
  await expect(readTokenIds(huge)).rejects.toThrow(`has ${2 ** 26 + 1} bytes`);
});

test("a file that is no JSON, or not there", async () => {
  await expect(readTokenIds(await file("1,2"))).rejects.toThrow(FormatError);
  await expect(readTokenIds(`@${join(folder, "none.json")}`)).rejects.toThrow(IoError);
});
