import { readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { filesBelow, fixtures, sharedFixtures } from "../../../test/support/fixtures.ts";
import { seededRandom } from "../../../test/support/seeded-random.ts";
import type { ByteSource } from "../../io/byte-source.ts";
import { openFile } from "../../io/file-source.node.ts";
import { openMemory } from "../../io/memory-source.ts";
import { FewbitError, FormatError, IoError, RequestError } from "../../util/errors.ts";
import { openSafetensors } from "./read-safetensors.ts";
import { contentOf, encode, openBytes, type TestTensor } from "./safetensors-test-kit.ts";

const tensors: readonly TestTensor[] = [
  { name: "model.layers.0.q.qweight", dtype: "I32", shape: [2, 3], bytes: new Uint8Array(24).fill(1) },
  { name: "model.layers.0.q.scales", dtype: "F16", shape: [1, 3], bytes: new Uint8Array(6).fill(2) },
  { name: "flags", dtype: "BOOL", shape: [3], bytes: Uint8Array.of(0, 1, 1) },
  { name: "empty", dtype: "F32", shape: [0, 5], bytes: new Uint8Array(0) },
];

test("opens, and reads tensors whole, in part, and into a buffer", async () => {
  await using file = await openBytes(await encode(tensors, new Map([["format", "pt"]])), "x.safetensors");
  expect(file.label).toBe("x.safetensors");
  expect(file.metadata.get("format")).toBe("pt");
  expect((await contentOf(file)).map(({ name }) => name)).toEqual(["empty", ...tensors.slice(0, 3).map((t) => t.name)]);
  const flags = file.tensors.get("flags");
  expect(await flags?.read()).toEqual(Uint8Array.of(0, 1, 1));
  expect(await flags?.read({ start: 1, end: 2 })).toEqual(Uint8Array.of(1));
  expect(await flags?.read({ start: 3 })).toEqual(new Uint8Array(0));
  const into = new Uint8Array(5);
  expect((await flags?.read({ into }))?.buffer).toBe(into.buffer);
  for (const range of [{ start: -1 }, { end: 4 }, { start: 2, end: 1 }, { start: NaN }]) {
    await expect(flags?.read(range)).rejects.toThrow(RequestError);
  }
});

test("closing closes the source", async () => {
  const source = openMemory(await encode(tensors));
  const file = await openSafetensors(source);
  await file.close();
  await expect(source.read(0, 1)).rejects.toThrow(IoError);
});

test("so does an error while opening", async () => {
  const source = openMemory(new Uint8Array(100));
  await expect(openSafetensors(source)).rejects.toThrow(FormatError);
  await expect(source.read(0, 1)).rejects.toThrow(IoError);
});

test("a header longer than the first read is read on", async () => {
  const many = Array.from({ length: 3000 }, (_, i): TestTensor => ({
    name: `model.layers.${i}.self_attn.q_proj.qweight`,
    dtype: "I32",
    shape: [1],
    bytes: Uint8Array.of(i, i >> 8, 0, 0),
  }));
  const file = await openBytes(await encode(many));
  expect(file.tensors.size).toBe(3000);
  expect(await file.tensors.get(many[2999].name)?.read()).toEqual(many[2999].bytes);
});

/** A source that remembers how much was ever asked of it at once. */
function watched(source: ByteSource): { readonly source: ByteSource; readonly longest: () => number } {
  let longest = 0;
  const read: ByteSource["read"] = (offset, length, options) => {
    longest = Math.max(longest, length);
    return source.read(offset, length, options);
  };
  const close = (): Promise<void> => source.close();
  return {
    source: { size: source.size, label: source.label, read, close, [Symbol.asyncDispose]: close },
    longest: () => longest,
  };
}

describe("hostile bytes", () => {
  test("every truncation is refused", async () => {
    const bytes = await encode(tensors);
    for (let length = 0; length < bytes.length; length++) {
      await expect(openBytes(bytes.slice(0, length))).rejects.toThrow(FormatError);
    }
  });

  test("2,000 mutations open or throw a FewbitError, and never ask for more than the file has", async () => {
    const random = seededRandom(20);
    const original = await encode(tensors, new Map([["format", "pt"]]));
    const interesting = [...'0123456789[]{},:"\\-.eu \n\u0000', "\u007f", "\u00ff"].map((char) => char.charCodeAt(0));
    let opened = 0;
    for (let round = 0; round < 2000; round++) {
      let bytes = original.slice();
      for (let edits = 1 + random(4); edits > 0; edits--) {
        const at = random(bytes.length);
        const kind = random(5);
        if (kind === 0) bytes[at] ^= 1 << random(8);
        else if (kind === 1) bytes[at] = interesting[random(interesting.length)];
        else if (kind === 2) bytes = bytes.slice(0, at + 1);
        else if (kind === 3) bytes.copyWithin(at, random(bytes.length));
        else bytes[random(8)] = random(256); // the length of the header
      }
      const { source, longest } = watched(openMemory(bytes));
      try {
        const file = await openSafetensors(source);
        opened++;
        for (const tensor of file.tensors.values()) expect((await tensor.read()).length).toBe(tensor.byteLength);
      } catch (error) {
        if (!(error instanceof FewbitError)) throw new Error(`round ${round}: ${String(error)}`, { cause: error });
      }
      expect(longest()).toBeLessThanOrEqual(bytes.length);
    }
    expect(opened).toBeGreaterThan(20); // flips in the data, or the mutations would be too coarse to mean anything
  });

  test("a claim of 64 MB in a small file costs no memory", async () => {
    const bytes = new Uint8Array(1000).fill(0x20);
    new DataView(bytes.buffer).setBigUint64(0, 64_000_000n, true);
    const before = process.memoryUsage().arrayBuffers;
    await expect(openBytes(bytes)).rejects.toThrow(/claims 64000000 bytes, but 992 follow/);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10 * 2 ** 20);
  });

  const hostile = join(fixtures, "hostile");
  test.each(readdirSync(hostile).filter((name) => name.startsWith("st-")))("%s is refused", async (name) => {
    await expect(openFile(join(hostile, name)).then((source) => openSafetensors(source))).rejects.toThrow(FormatError);
  });
});

describe("the larger set of files beside the checkout", () => {
  test.skipIf(sharedFixtures === undefined)(
    sharedFixtures === undefined ? "skipped: there is no ../shared/fixtures" : "hostile ones are refused, others open",
    async () => {
      const paths = filesBelow(sharedFixtures ?? "", ".safetensors");
      expect(paths.length).toBeGreaterThan(50);
      for (const path of paths) {
        const opening = openFile(path).then((source) => openSafetensors(source));
        if (path.includes("hostile")) {
          await expect(opening, path).rejects.toThrow(FormatError);
        } else {
          await using file = await opening;
          for (const tensor of file.tensors.values()) expect((await tensor.read()).length).toBe(tensor.byteLength);
        }
      }
    },
  );
});

test("golden files of the reference writer open with their metadata", async () => {
  const path = join(fixtures, "models", "gptq-3b-g128-asym");
  const found = await Promise.all(
    filesBelow(path, "model.safetensors").map(async (name) => openBytes(new Uint8Array(await readFile(name)))),
  );
  expect(found[0].metadata.get("format")).toBe("pt");
});
