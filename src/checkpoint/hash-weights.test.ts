import { createHash } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { fixtures, sharedFixtures } from "../../test/support/fixtures.ts";
import { openFolder } from "../io/folder.node.ts";
import { openMemoryFolder } from "../io/memory-folder.ts";
import { hashWeights } from "./hash-weights.ts";
import { openCheckpoint } from "./open-checkpoint.ts";

interface Expected {
  readonly weights: Readonly<Record<string, { readonly shape: readonly number[]; readonly sha256: string }>>;
}

const sha256 = () => createHash("sha256");

/** Whole models, and single modules taken out of some, in packed formats. */
const goldenNames = (root: string): readonly string[] =>
  ["models", "modules"]
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) => readdirSync(join(root, folder)).map((name) => `${folder}/${name}`));

describe.each([
  ["golden files", fixtures],
  ["the whole set of golden files, in ../shared/fixtures", sharedFixtures],
] as const)("%s", (_, root) => {
  test.skipIf(root === undefined).each(root === undefined ? ["absent"] : goldenNames(root))("%s", async (name) => {
    const path = join(root ?? "", name);
    const expected = JSON.parse(await readFile(join(path, "expected.json"), "utf8")) as Expected;
    const warnings: string[] = [];
    await using checkpoint = await openCheckpoint(await openFolder(path), { warn: (text) => warnings.push(text) });
    const found: Record<string, unknown> = {};
    for await (const { module, sha256: hash } of hashWeights(checkpoint, sha256)) {
      if (module.name in expected.weights) found[module.name] = { shape: module.shape, sha256: hash };
    }
    const wanted = Object.entries(expected.weights).map(([module, { shape, sha256: hash }]) => [
      module,
      { shape, sha256: hash },
    ]);
    expect(found).toEqual(Object.fromEntries(wanted));
    expect(wanted.length).toBeGreaterThan(0);
    expect(warnings).toHaveLength(name.includes("mislabelled") ? 1 : 0);
  });
});

test("a tensor's hash is over its values as f32, whatever their type; integers have none", async () => {
  const header = JSON.stringify({
    half: { dtype: "F16", shape: [2], data_offsets: [0, 4] },
    "float.weight": { dtype: "F32", shape: [1, 2], data_offsets: [4, 12] },
    ids: { dtype: "I32", shape: [1], data_offsets: [12, 16] },
  });
  const file = new Uint8Array(8 + header.length + 16);
  file[0] = header.length;
  file.set(new TextEncoder().encode(header), 8);
  file.set(new Uint8Array(Uint16Array.of(0x3c00, 0xc000).buffer), 8 + header.length); // 1, -2
  file.set(new Uint8Array(Float32Array.of(1, -2).buffer), 12 + header.length);
  const folder = openMemoryFolder(new Map([["bare.safetensors", file]]));
  await using checkpoint = await openCheckpoint(folder, { warn: () => expect.unreachable() });
  const hashes = new Map<string, string | undefined>();
  for await (const { module, sha256: hash } of hashWeights(checkpoint, sha256)) hashes.set(module.name, hash);
  const expected = sha256()
    .update(new Uint8Array(Float32Array.of(1, -2).buffer))
    .digest("hex");
  expect([...hashes]).toEqual([
    ["half", expected],
    ["float", expected],
    ["ids", undefined],
  ]);
});
