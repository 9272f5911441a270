import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { IoError } from "../../util/errors.ts";
import { UsageError } from "../usage-error.ts";
import { ConversionFolder } from "./conversion-folder.ts";

function folders(): { readonly source: string; readonly out: string } {
  const root = mkdtempSync(join(tmpdir(), "fewbit-convert-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const source = join(root, "source");
  mkdirSync(source);
  writeFileSync(join(source, "model.safetensors"), "weights");
  return { source, out: join(root, "out") };
}

const bytes = new Uint8Array(8);
const first = "model-00001-of-00002.safetensors";

/** Begins, makes some files, and is interrupted; gives the names that were there already. */
async function attempt(
  { source, out }: ReturnType<typeof folders>,
  names: readonly string[],
  to = "awq",
): Promise<string[]> {
  await using folder = await ConversionFolder.open(out, source, { force: false });
  await folder.begin({ to }, 100);
  const had = [first, "model.safetensors"].filter((name) => folder.has(name));
  for (const name of names) await folder.write(name, async (sink) => sink(bytes));
  return had;
}

test("what was interrupted before a file was whole leaves nothing", async () => {
  const where = folders();
  await attempt(where, []);
  expect(existsSync(where.out)).toBe(false);
  await using folder = await ConversionFolder.open(where.out, where.source, { force: false });
  await folder.begin({}, 100);
  const failed = folder.write(first, async (sink) => {
    await sink(bytes);
    throw new Error("no more");
  });
  await expect(failed).rejects.toThrow("no more");
  expect(readdirSync(where.out)).toEqual([".fewbit-convert.json"]);
});

test("the same conversion goes on with the files that are whole", async () => {
  const where = folders();
  expect(await attempt(where, [first])).toEqual([]);
  expect(await attempt(where, [])).toEqual([first]);
  writeFileSync(join(where.out, first), "cut"); // of another size than was written
  expect(await attempt(where, [])).toEqual([]);
});

test("another conversion, or another source, does not", async () => {
  const where = folders();
  await attempt(where, [first]);
  await expect(attempt(where, [], "gptq")).rejects.toThrow(UsageError);
  writeFileSync(join(where.source, "model.safetensors"), "other weights");
  await expect(attempt(where, [])).rejects.toThrow(UsageError);
});

test("a finished conversion has no marker, and is not overwritten", async () => {
  const where = folders();
  const folder = await ConversionFolder.open(where.out, where.source, { force: false });
  await folder.begin({}, 100);
  await folder.write("model.safetensors", async (sink) => sink(bytes));
  await folder.finish();
  await folder[Symbol.asyncDispose]();
  expect(readdirSync(where.out)).toEqual(["model.safetensors"]);
  await expect(ConversionFolder.open(where.out, where.source, { force: false })).rejects.toThrow(/not empty/);
});

test("more than the disk holds is not begun", async () => {
  const where = folders();
  await using folder = await ConversionFolder.open(where.out, where.source, { force: false });
  await expect(folder.begin({}, 2 ** 60)).rejects.toThrow(IoError);
});

test("a folder that cannot be made is an error, not a wait", async () => {
  const { source, out } = folders();
  const folder = await ConversionFolder.open(join(out, "in", "nothing"), source, { force: false });
  await expect(folder.begin({}, 100)).rejects.toThrow(/a folder of the path does not exist/);
});
