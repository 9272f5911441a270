import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { fixtures } from "../../../test/support/fixtures.ts";
import type { ByteSource } from "../../io/byte-source.ts";
import { openFile } from "../../io/file-source.node.ts";
import { openMemory } from "../../io/memory-source.ts";
import { FormatError, IoError } from "../../util/errors.ts";
import { encode, type TestTensor } from "./safetensors-test-kit.ts";
import { openSafetensorsFiles, openShardedSafetensors } from "./sharded.ts";

const tensor = (name: string, value: number): TestTensor => ({
  name,
  dtype: "U8",
  shape: [1],
  bytes: Uint8Array.of(value),
});

const first = await encode([tensor("a", 1), tensor("b", 2)], new Map([["format", "pt"]]));
const second = await encode([tensor("c", 3)], new Map([["extra", "x"]]));

/** A folder in memory, which remembers what was opened. */
function folder(files: Record<string, Uint8Array>) {
  const opened: ByteSource[] = [];
  const open = (name: string): Promise<ByteSource> => {
    if (!Object.hasOwn(files, name)) return Promise.reject(new Error("no such file"));
    const source = openMemory(files[name], name);
    opened.push(source);
    return Promise.resolve(source);
  };
  const allClosed = async (): Promise<boolean> => {
    const results = await Promise.allSettled(opened.map((source) => source.read(0, 1)));
    return results.every(({ status }) => status === "rejected");
  };
  return { open, opened, allClosed };
}

const indexOf = (weightMap: Record<string, string>): Uint8Array =>
  new TextEncoder().encode(JSON.stringify({ metadata: { total_size: 3 }, weight_map: weightMap }));

test("the tensors of all files, each opened once", async () => {
  const { open, opened, allClosed } = folder({ x: first, y: second });
  const file = await openShardedSafetensors({ index: indexOf({ a: "x", c: "y", b: "x" }), open });
  expect(opened.map(({ label }) => label)).toEqual(["x", "y"]);
  expect([...file.tensors.keys()]).toEqual(["a", "b", "c"]);
  expect([...file.metadata]).toEqual([
    ["format", "pt"],
    ["extra", "x"],
  ]);
  expect(await file.tensors.get("c")?.read()).toEqual(Uint8Array.of(3));
  await file.close();
  expect(await allClosed()).toBe(true);
});

test("tensors that the index forgot are there too", async () => {
  const { open } = folder({ x: first, y: second });
  const file = await openShardedSafetensors({ index: indexOf({ a: "x", c: "y" }), open });
  expect(file.tensors.has("b")).toBe(true);
});

test.each<[string, Record<string, string>, Record<string, Uint8Array>, RegExp]>([
  ["a tensor that is in another file", { a: "x", b: "y", c: "y" }, { x: first, y: second }, /"b" is not in "y"/],
  ["a tensor that is nowhere", { a: "x", d: "x" }, { x: first }, /"d" is not in "x"/],
  ["a tensor in two files", { a: "x", b: "y" }, { x: first, y: first }, /"a" is in two files, x and y/],
  ["a malformed file", { a: "x", c: "y" }, { x: first, y: second.subarray(1) }, /^y: /],
])("%s is an error, and nothing stays open", async (_, weightMap, files, message) => {
  const { open, allClosed } = folder(files);
  const opening = openShardedSafetensors({ index: indexOf(weightMap), label: "index.json", open });
  await expect(opening).rejects.toThrow(FormatError);
  await expect(opening).rejects.toThrow(message);
  expect(await allClosed()).toBe(true);
});

test("a file that is missing is named", async () => {
  const { open, allClosed } = folder({ x: first });
  const opening = openShardedSafetensors({ index: indexOf({ a: "x", c: "gone" }), label: "index.json", open });
  await expect(opening).rejects.toThrow(IoError);
  await expect(opening).rejects.toThrow(/index\.json: the file "gone"/);
  expect(await allClosed()).toBe(true);
});

test("several files without an index are their union", async () => {
  const sources = [openMemory(first, "x"), openMemory(second, "y")];
  await using file = await openSafetensorsFiles(sources);
  expect([...file.tensors.keys()]).toEqual(["a", "b", "c"]);
});

test("without an index, too, a name in two files is an error, and all sources are closed", async () => {
  const sources = Array.from({ length: 20 }, (_, i) => openMemory(i === 0 ? first.subarray(1) : second, `${i}`));
  await expect(openSafetensorsFiles(sources)).rejects.toThrow(FormatError);
  for (const source of sources) await expect(source.read(0, 1)).rejects.toThrow(/closed/);
  await expect(openSafetensorsFiles([openMemory(first, "x"), openMemory(first, "y")])).rejects.toThrow(
    /in two files, x and y/,
  );
});

test("a golden checkpoint in two files opens", async () => {
  const path = join(fixtures, "arch", "llama3");
  const index = new Uint8Array(await readFile(join(path, "model.safetensors.index.json")));
  await using file = await openShardedSafetensors({ index, open: (name) => openFile(join(path, name)) });
  expect(file.tensors.size).toBeGreaterThan(10);
  for (const raw of file.tensors.values()) expect((await raw.read()).length).toBe(raw.byteLength);
});
