import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { sharedFixtures } from "../../../test/support/fixtures.ts";
import { seededRandom } from "../../../test/support/seeded-random.ts";
import { openFile } from "../../io/file-source.node.ts";
import { openMemory } from "../../io/memory-source.ts";
import { FewbitError, FormatError, IoError, RequestError, UnsupportedError } from "../../util/errors.ts";
import { ggmlTypeId, ggmlTypes, type GgmlType } from "../ggml/ggml-type.ts";
import { encodeGguf, openBytes, type TestTensor } from "./gguf-test-kit.ts";
import { openGguf } from "./open-gguf.ts";
import { writeGguf, type MetadataField } from "./write-gguf.ts";

const tensors: readonly TestTensor[] = [
  { name: "token_embd.weight", dtype: "Q4_0", shape: [3, 64], bytes: new Uint8Array(108).map((_, i) => i) },
  { name: "output_norm.weight", dtype: "F32", shape: [5], bytes: new Uint8Array(20).fill(2) },
  { name: "scalar", dtype: "F16", shape: [], bytes: Uint8Array.of(1, 60) },
];

const metadata: Readonly<Record<string, MetadataField>> = {
  "general.architecture": { type: "string", value: "llama" },
  u8: { type: "u8", value: 200 },
  i8: { type: "i8", value: -5 },
  u16: { type: "u16", value: 60000 },
  i16: { type: "i16", value: -30000 },
  u32: { type: "u32", value: 4e9 },
  i32: { type: "i32", value: -2e9 },
  f32: { type: "f32", value: 0.5 },
  f64: { type: "f64", value: 0.1 },
  u64: { type: "u64", value: 2n ** 63n + 5n },
  small: { type: "u64", value: 7 },
  i64: { type: "i64", value: -(2n ** 62n) },
  yes: { type: "bool", value: true },
  texts: { type: "array", of: "string", values: ["a", "", "ü", "x".repeat(100)] },
  flags: { type: "array", of: "bool", values: [true, false] },
  numbers: { type: "array", of: "i32", values: [1, -2, 3] },
  none: { type: "array", of: "string", values: [] },
};

test("what is written is read", async () => {
  await using file = await openBytes(await encodeGguf(tensors, metadata));
  const read = await Promise.all(
    [...file.tensors.values()].map(async (tensor) => {
      const { name, dtype, shape } = tensor;
      return { name, dtype, shape, bytes: await tensor.read() };
    }),
  );
  expect(read).toEqual(tensors);
  const found = Object.fromEntries([...file.metadata.keys()].map((key) => [key, file.metadata.get(key)]));
  expect(found).toEqual({
    "general.architecture": "llama",
    u8: 200,
    i8: -5,
    u16: 60000,
    i16: -30000,
    u32: 4e9,
    i32: -2e9,
    f32: 0.5,
    f64: 0.1,
    u64: 2n ** 63n + 5n,
    small: 7,
    i64: -(2n ** 62n),
    yes: true,
    texts: ["a", "", "ü", "x".repeat(100)],
    flags: [true, false],
    numbers: Int32Array.of(1, -2, 3),
    none: [],
  });
});

test("accessors check the types of metadata", async () => {
  await using file = await openBytes(await encodeGguf([], metadata));
  const values = file.metadata;
  expect(values.string("general.architecture")).toBe("llama");
  expect(values.count("u32")).toBe(4e9);
  expect(values.boolean("yes")).toBe(true);
  expect(values.strings("texts")?.length).toBe(4);
  expect(values.numbers("numbers")).toEqual([1, -2, 3]);
  expect([values.string("absent"), values.numbers("absent"), values.strings("none")]).toEqual([
    undefined,
    undefined,
    [],
  ]);
  expect(() => values.count("i8")).toThrow('part0.gguf: "i8" is -5, not a whole number');
  expect(() => values.count("u64")).toThrow(FormatError);
  expect(() => values.string("texts")).toThrow("is a list of 4, not a text");
  expect(() => values.strings("numbers")).toThrow(FormatError);
  expect(() => values.number("general.architecture")).toThrow('is the text "llama", not a finite number');
});

test("tensors are read in part and into a buffer, and not past their ends", async () => {
  await using file = await openBytes(await encodeGguf(tensors));
  const embedding = file.tensors.get("token_embd.weight");
  expect(await embedding?.read({ start: 18, end: 20 })).toEqual(Uint8Array.of(18, 19));
  const into = new Uint8Array(200);
  expect((await embedding?.read({ into }))?.buffer).toBe(into.buffer);
  for (const range of [{ start: -1 }, { end: 109 }, { start: 2, end: 1 }, { start: NaN }]) {
    await expect(embedding?.read(range)).rejects.toThrow(RequestError);
  }
});

test("a header longer than the first read is read on", async () => {
  const tokens = Array.from({ length: 150_000 }, (_, i) => `token${i}`);
  await using file = await openBytes(
    await encodeGguf(tensors, { tokens: { type: "array", of: "string", values: tokens } }),
  );
  expect(file.metadata.strings("tokens")).toEqual(tokens);
  expect(await file.tensors.get("scalar")?.read()).toEqual(Uint8Array.of(1, 60));
});

describe("parts", () => {
  const split = (no: number, count: number, total = 2): Readonly<Record<string, MetadataField>> => ({
    "split.no": { type: "u16", value: no },
    "split.count": { type: "u16", value: count },
    "split.tensors.count": { type: "i32", value: total },
    ...(no === 0 && { "general.name": { type: "string", value: "whole" } }),
  });
  const part = (no: number, count: number, total?: number, tensor = no): Promise<Uint8Array> =>
    encodeGguf([tensors[tensor]], split(no, count, total));

  test("make one file, in whatever order they come", async () => {
    await using file = await openBytes(await part(1, 2), await part(0, 2));
    expect([...file.tensors.keys()]).toEqual(["token_embd.weight", "output_norm.weight"]);
    expect(file.metadata.string("general.name")).toBe("whole");
  });

  test.each([
    ["a part is missing", () => [part(0, 2)], "a set of 2 parts"],
    ["a part is there twice", () => [part(0, 2), part(0, 2)], "split.no 0 is there twice"],
    ["the first is missing", () => [part(1, 2), part(2, 2)], "the first part"],
    ["a tensor is in two parts", () => [part(0, 2), part(1, 2, 2, 0)], "is in another part, too"],
    ["tensors are missing", () => [part(0, 2, 9), part(1, 2, 9)], "split.tensors.count is 9"],
  ])("are refused when %s", async (_, files, message) => {
    await expect(openBytes(...(await Promise.all(files())))).rejects.toThrow(message);
  });
});

test("closing closes the source, and so does an error while opening", async () => {
  const good = openMemory(await encodeGguf(tensors));
  await (await openGguf([good])).close();
  await expect(good.read(0, 1)).rejects.toThrow(IoError);
  const bad = openMemory(new Uint8Array(100));
  await expect(openGguf([bad])).rejects.toThrow(FormatError);
  await expect(bad.read(0, 1)).rejects.toThrow(IoError);
});

/** Turns a little-endian file of version 3 into a big-endian one, by the rules of the format and not by our reader's. */
function bigEndianTwin(dtype: GgmlType, values: Uint8Array, swapped: Uint8Array): Promise<Uint8Array> {
  const header = new DataView(new ArrayBuffer(4 + 4 + 8 + 8 + 8 + 1 + 4 + 8 + 4 + 8));
  "GGUF".split("").forEach((char, i) => header.setUint8(i, char.charCodeAt(0)));
  header.setUint32(4, 3);
  header.setBigUint64(8, 1n);
  header.setBigUint64(24, 1n);
  header.setUint8(32, "t".charCodeAt(0));
  header.setUint32(33, 1);
  header.setBigUint64(37, BigInt(ggmlTypes[dtype].values));
  header.setUint32(45, ggmlTypeId(dtype) ?? 0);
  expect(values.byteLength).toBe(swapped.byteLength);
  const file = new Uint8Array(64 + swapped.byteLength);
  file.set(new Uint8Array(header.buffer));
  file.set(swapped, 64);
  return Promise.resolve(file);
}

test("a big-endian file gives little-endian blocks", async () => {
  const values = new Uint8Array(22).map((_, i) => i);
  const swapped = Uint8Array.of(1, 0, 5, 4, 3, 2, ...values.subarray(6));
  await using file = await openBytes(await bigEndianTwin("Q5_0", values, swapped));
  expect(await file.tensors.get("t")?.read()).toEqual(values);
  await expect(file.tensors.get("t")?.read({ start: 1 })).rejects.toThrow(RequestError);
});

test("big-endian blocks of a type that no tool writes so are refused", async () => {
  const blocks = new Uint8Array(66);
  await expect(openBytes(await bigEndianTwin("IQ2_XXS", blocks, blocks))).rejects.toThrow(UnsupportedError);
});

test("what cannot be in a file is not written", async () => {
  const write = (tensor: Partial<TestTensor>): Promise<void> =>
    writeGguf([{ ...tensors[1], data: () => [tensors[1].bytes], ...tensor }], () => undefined, { metadata: new Map() });
  await expect(write({ dtype: "Q4_0_V1" })).rejects.toThrow("has no place in GGUF");
  await expect(write({ shape: [4] })).rejects.toThrow("takes 16 bytes, its data has more");
  await expect(write({ shape: [6] })).rejects.toThrow("takes 24 bytes, its data has 20");
  await expect(write({ dtype: "Q4_0" })).rejects.toThrow("no whole number of Q4_0 blocks");
  await expect(encodeGguf([tensors[0], tensors[0]])).rejects.toThrow("two tensors");
});

/** Every field of a small file set to numbers that readers have fallen over. */
test("a damaged header gives a typed error or a file whose tensors can be read", async () => {
  const good = await encodeGguf(tensors, metadata);
  const random = seededRandom(7);
  let opened = 0;
  for (let i = 0; i < 5_000; i++) {
    const bytes = good.slice(0, random(10) === 0 ? random(good.length) : good.length);
    for (let edits = 1 + random(3); edits > 0; edits--) {
      const start = random(900);
      const end = start + (random(3) === 0 ? 8 : 1);
      bytes.fill([0, 1, 0x7f, 0x80, 0xff, random(256)][random(6)], start, end);
    }
    try {
      await using file = await openBytes(bytes);
      for (const tensor of file.tensors.values()) expect((await tensor.read()).byteLength).toBe(tensor.byteLength);
      opened++;
    } catch (error) {
      if (!(error instanceof FewbitError)) throw error;
    }
  }
  expect(opened).toBeGreaterThan(100);
});

describe.skipIf(sharedFixtures === undefined)("the shared files (skipped: ../shared is not there)", () => {
  const folder = join(sharedFixtures ?? "", "gguf", "extra");
  const hostile = join(sharedFixtures ?? "", "hostile");
  const open = async (...names: readonly string[]) =>
    openGguf(await Promise.all(names.map((name) => openFile(join(folder, name)))));

  test("all types of metadata, and an alignment of 64", async () => {
    const expected = JSON.parse(readFileSync(join(folder, "types-and-metadata.expected.json"), "utf8")) as {
      readonly metadata: Readonly<Record<string, unknown>>;
      readonly tensors: Readonly<Record<string, { readonly shape: readonly number[]; readonly raw_sha256: string }>>;
    };
    await using file = await open("types-and-metadata.gguf");
    for (const [key, value] of Object.entries(expected.metadata)) {
      const found = file.metadata.get(key);
      // Those beyond 2^53 are recorded as texts.
      if (key === "k.empty") expect(found, "its writer left it out").toBeUndefined();
      else if (typeof found === "bigint") expect(String(found)).toBe(value);
      else expect(typeof found === "object" ? [...(found as readonly unknown[])] : found, key).toEqual(value);
    }
    for (const [name, { shape, raw_sha256 }] of Object.entries(expected.tensors)) {
      const tensor = file.tensors.get(name);
      expect(tensor?.shape, name).toEqual(shape);
      const bytes = await tensor?.read();
      expect(
        createHash("sha256")
          .update(bytes ?? "")
          .digest("hex"),
        name,
      ).toBe(raw_sha256);
    }
  });

  test.each(["mini-v1-Q4_0.gguf", "mini-v2-Q4_0.gguf", "midi-be-Q4_K_M.gguf"])("%s opens", async (name) => {
    await using file = await open(name);
    expect(file.metadata.string("general.architecture")).toBe("llama");
    expect(file.tensors.get("token_embd.weight")?.shape.length).toBe(2);
  });

  test("a split file", async () => {
    await using file = await open("mini-split-Q4_0-00002-of-00002.gguf", "mini-split-Q4_0-00001-of-00002.gguf");
    expect(file.tensors.size).toBe(file.metadata.count("split.tensors.count"));
  });

  test.each(readdirSync(sharedFixtures === undefined ? "." : hostile).filter((name) => name.endsWith(".gguf")))(
    "%s is refused",
    async (name) => {
      const opening = openGguf([await openFile(join(hostile, name))]);
      await expect(opening).rejects.toThrow(/hostile\/gguf-.*: ./);
      await expect(opening).rejects.toBeInstanceOf(FewbitError);
    },
  );
});
