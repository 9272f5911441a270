import { mkdtemp, rm, writeFile } from "node:fs/promises";
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

test("a file that is no JSON, or not there", async () => {
  await expect(readTokenIds(await file("1,2"))).rejects.toThrow(FormatError);
  await expect(readTokenIds(`@${join(folder, "none.json")}`)).rejects.toThrow(IoError);
});
