import { readFile } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import { describe, expect, test } from "vitest";
import { filesBelow, fixtures } from "../../../test/support/fixtures.ts";
import { seededRandom } from "../../../test/support/seeded-random.ts";
import { AbortedError, RequestError } from "../../util/errors.ts";
import { dtypeBits, isDtype, tensorByteLength } from "../raw-tensor.ts";
import { contentOf, encode, openBytes, type TestTensor } from "./safetensors-test-kit.ts";
import { canonicalOrder, writeSafetensors } from "./write-safetensors.ts";

const dtypes = Object.keys(dtypeBits).filter(isDtype);

/** Tensors with odd names, every dtype, ranks 0 to 5, dimensions that are sometimes 0. */
function randomTensors(seed: number): TestTensor[] {
  const random = seededRandom(seed);
  const letters = ["a", "é", "模", "😀", '"', "\\", "\n", "\u0000", ".", "__proto__", "\uffff"];
  const tensors = new Map<string, TestTensor>();
  for (let i = random(20); i > 0; i--) {
    const name = Array.from({ length: random(6) }, () => letters[random(letters.length)]).join("");
    const dtype = dtypes[random(dtypes.length)];
    // A factor of 4 somewhere makes whole bytes of 4- and 6-bit elements.
    const shape = Array.from({ length: random(5) }, () => random(5)).concat(dtypeBits[dtype] < 8 ? [4] : []);
    const byteLength = tensorByteLength(dtype, shape) ?? 0;
    tensors.set(name, { name, dtype, shape, bytes: Uint8Array.from({ length: byteLength }, () => random(256)) });
  }
  return [...tensors.values()];
}

test("what is written is read back, 200 times", async () => {
  for (let seed = 0; seed < 200; seed++) {
    const tensors = randomTensors(seed);
    const metadata = new Map(
      [
        ["seed", String(seed)],
        ['odd "key"\n', "😀"],
      ].slice(seed % 3) as [string, string][],
    );
    const bytes = await encode(tensors, metadata);
    const file = await openBytes(bytes);
    const key = ({ name }: TestTensor): string => JSON.stringify(name);
    const sorted = (list: TestTensor[]): TestTensor[] => list.sort((a, b) => (key(a) < key(b) ? -1 : 1));
    expect(sorted(await contentOf(file))).toEqual(sorted(tensors));
    expect([...file.metadata].sort()).toEqual([...metadata].sort());
    expect(await encode(tensors.reverse(), metadata)).toEqual(bytes); // whatever order they came in
  }
}, 30_000);

describe("files of the reference writer come out byte for byte", () => {
  const paths = filesBelow(join(fixtures, "arch"), ".safetensors");
  test.each(paths.map((path) => relative(fixtures, path)))("%s", async (name) => {
    const path = join(fixtures, name);
    const bytes = new Uint8Array(await readFile(path));
    const file = await openBytes(bytes, basename(path));
    const again = await encode(await contentOf(file), file.metadata);
    expect(Buffer.compare(again, bytes)).toBe(0);
  });
});

test("widest first, then by name in UTF-8 order", () => {
  const named = (name: string, dtype: TestTensor["dtype"]) => ({ name, dtype, shape: [] });
  const list = [
    named("b", "U8"),
    named("\u{1f600}", "F16"), // above U+FFFF: after U+FFFF in UTF-8, before it in UTF-16
    named("\uffff", "F16"),
    named("ab", "F16"),
    named("a", "F16"),
    named("z", "I64"),
    named("a", "F32"),
    named("a", "BF16"),
  ];
  expect(canonicalOrder(list).map(({ name, dtype }) => `${dtype} ${name}`)).toEqual([
    "I64 z",
    "F32 a",
    "BF16 a",
    "F16 a",
    "F16 ab",
    "F16 \uffff",
    "F16 \u{1f600}",
    "U8 b",
  ]);
});

test("data begins at a multiple of 8", async () => {
  for (let length = 0; length < 9; length++) {
    const bytes = await encode([{ name: "x".repeat(length), dtype: "U8", shape: [1], bytes: Uint8Array.of(7) }]);
    expect(bytes.length % 8).toBe(1);
    expect(bytes.at(-1)).toBe(7);
  }
});

describe("a tensor's data", () => {
  const sink = (): void => undefined;

  test("may come in pieces of any type, one in memory at a time", async () => {
    let alive = 0;
    async function* pieces() {
      for (let i = 0; i < 4; i++) {
        expect(alive).toBe(0);
        alive++;
        yield await Promise.resolve(Uint16Array.of(i));
      }
    }
    const written: number[] = [];
    await writeSafetensors([{ name: "a", dtype: "U16", shape: [4], data: pieces }], async (bytes) => {
      await Promise.resolve();
      written.push(...bytes);
      alive = 0;
    });
    expect(written.slice(-8)).toEqual([0, 0, 1, 0, 2, 0, 3, 0]);
  });

  test.each([
    ["short", 3],
    ["long", 5],
  ])("that is too %s is an error", async (_, length) => {
    const tensor = { name: "a", dtype: "U8", shape: [4], data: () => [new Uint8Array(length)] } as const;
    await expect(writeSafetensors([tensor], sink)).rejects.toThrow(RequestError);
  });

  test("is not asked for after an abort", async () => {
    const tensor = { name: "a", dtype: "U8", shape: [1], data: () => [new Uint8Array(1)] } as const;
    await expect(writeSafetensors([tensor], sink, { signal: AbortSignal.abort() })).rejects.toThrow(AbortedError);
  });
});

test.each<[string, Partial<TestTensor>]>([
  ["the name of the metadata", { name: "__metadata__" }],
  ["a lone surrogate", { name: "\ud800" }],
  ["a fraction", { shape: [1.5] }],
  ["a negative dimension", { shape: [-1, -4] }],
  ["half a byte", { dtype: "F4", shape: [1] }],
])("%s cannot be written", async (_, change) => {
  const tensor: TestTensor = { name: "a", dtype: "U8", shape: [4], bytes: new Uint8Array(4), ...change };
  await expect(encode([tensor])).rejects.toThrow(RequestError);
});

test("two tensors of one name cannot be written", async () => {
  const tensor: TestTensor = { name: "a", dtype: "U8", shape: [1], bytes: new Uint8Array(1) };
  await expect(encode([tensor, tensor])).rejects.toThrow(/two tensors with the name "a"/);
});
