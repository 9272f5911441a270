import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { fixtures } from "../../../test/support/fixtures.ts";
import { seededRandom } from "../../../test/support/seeded-random.ts";
import { openMemory } from "../../io/memory-source.ts";
import { FewbitError, FormatError, IoError, UnsupportedError } from "../../util/errors.ts";
import { openGgml } from "./open-ggml.ts";

interface TestFile {
  readonly magic: "ggml" | "ggmf" | "ggjt";
  readonly version?: number;
  readonly types?: readonly (readonly [name: string, typeId: number, bytes: number])[];
}

/** A file of two tokens and some tensors of one row of 32, by the rules of its time. */
function encode({ magic, version, types = [["a", 2, 20]] }: TestFile): Uint8Array {
  const bytes: number[] = [];
  const u32 = (value: number): unknown =>
    bytes.push(value & 255, (value >> 8) & 255, (value >> 16) & 255, value >>> 24);
  u32(parseInt(Buffer.from(magic).toString("hex"), 16));
  if (version !== undefined) u32(version);
  for (const field of [2, 32, 256, 4, 1, 8, 2]) u32(field);
  for (const token of ["a", "bc"]) {
    u32(token.length);
    bytes.push(...Buffer.from(token));
    if (magic !== "ggml") bytes.push(0, 0, 0x80, 0xbf); // -1
  }
  for (const [name, typeId, size] of types) {
    u32(1);
    u32(name.length);
    u32(typeId);
    u32(32);
    bytes.push(...Buffer.from(name));
    if (magic === "ggjt") while (bytes.length % 32 !== 0) bytes.push(0);
    for (let i = 0; i < size; i++) bytes.push(i);
  }
  return Uint8Array.from(bytes);
}

test.each<readonly [TestFile, string, number, number]>([
  [{ magic: "ggml" }, "Q4_0_V1", 20, 0],
  [{ magic: "ggmf", version: 1 }, "Q4_0_V1", 20, -1],
  [{ magic: "ggjt", version: 1 }, "Q4_0_V1", 20, -1],
  [{ magic: "ggjt", version: 2 }, "Q4_0_V2", 20, -1],
  [{ magic: "ggjt", version: 2, types: [["a", 6, 22]] }, "Q5_0", 22, -1],
  [{ magic: "ggjt", version: 3, types: [["a", 2, 18]] }, "Q4_0", 18, -1],
])("%o", async (file, dtype, byteLength, score) => {
  await using opened = await openGgml(openMemory(encode(file)));
  expect(opened.header).toMatchObject({ vocabSize: 2, embeddingLength: 32, heads: 4, layers: 1, rotaryDim: 8 });
  expect(opened.tokens.map((token) => [Buffer.from(token.bytes).toString(), token.score])).toEqual([
    ["a", score],
    ["bc", score],
  ]);
  const tensor = opened.tensors.get("a");
  expect(tensor).toMatchObject({ dtype, shape: [32], byteLength });
  expect(await tensor?.read()).toEqual(Uint8Array.from({ length: byteLength }, (_, i) => i));
});

test.each<readonly [string, Uint8Array, new (message: string) => FewbitError, string]>([
  ["a pickle", Uint8Array.of(0x50, 0x4b, 3, 4), UnsupportedError, "is a pickle"],
  ["something else", Uint8Array.of(1, 2, 3, 4), FormatError, "no model of ggml"],
  ["nothing", new Uint8Array(0), FormatError, "truncated"],
  ["a later version", encode({ magic: "ggjt", version: 4 }), UnsupportedError, "ggjt version 4; versions 1 to 3"],
  ["a tensor twice", encode({ magic: "ggml", types: [["a", 0, 128], ["a", 0, 128]] }), FormatError, "is there twice"], // prettier-ignore
  ["a type of later times", encode({ magic: "ggml", types: [["a", 12, 144]] }), UnsupportedError, "has the type 12"],
  ["a truncated file", encode({ magic: "ggml" }).slice(0, -1), FormatError, "truncated"],
])("%s is refused", async (_, bytes, error, message) => {
  await expect(openGgml(openMemory(bytes))).rejects.toThrow(message);
  await expect(openGgml(openMemory(bytes))).rejects.toBeInstanceOf(error);
});

test("closing closes the source, and so does an error while opening", async () => {
  const good = openMemory(encode({ magic: "ggml" }));
  await (await openGgml(good)).close();
  await expect(good.read(0, 1)).rejects.toThrow(IoError);
  const bad = openMemory(new Uint8Array(100));
  await expect(openGgml(bad)).rejects.toThrow(FormatError);
  await expect(bad.read(0, 1)).rejects.toThrow(IoError);
});

test("a damaged file gives a typed error or tensors that can be read", async () => {
  const whole = readFileSync(join(fixtures, "gguf", "legacy-ggjt1-Q4_0.bin"));
  const random = seededRandom(11);
  for (let i = 0; i < 500; i++) {
    const bytes = new Uint8Array(whole.subarray(0, random(10) === 0 ? random(whole.length) : whole.length));
    for (let edits = 1 + random(3); edits > 0; edits--) {
      const start = random(2) === 0 ? random(64) : random(bytes.length);
      bytes.fill([0, 1, 0x7f, 0x80, 0xff, random(256)][random(6)], start, start + (random(3) === 0 ? 4 : 1));
    }
    try {
      await using file = await openGgml(openMemory(bytes));
      for (const tensor of file.tensors.values()) expect((await tensor.read()).byteLength).toBe(tensor.byteLength);
    } catch (error) {
      if (!(error instanceof FewbitError)) throw error;
    }
  }
});
