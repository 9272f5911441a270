import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { IoError } from "../util/errors.ts";
import { linkTarget } from "./cache-layout.ts";
import { listCachedModels, listUnfinished } from "./cached-models.node.ts";
import { parseHubId } from "./hub-id.ts";
import { planRemoval, removeFromCache } from "./remove-cached.node.ts";

const [old, now] = ["a".repeat(40), "b".repeat(40)];
let cache: string;
let root: string;

function put(path: string, text = ""): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

function link(commit: string, path: string, blob: string, bytes: number): void {
  put(join(root, "blobs", blob), "x".repeat(bytes));
  const place = join(root, "snapshots", commit, path);
  mkdirSync(dirname(place), { recursive: true });
  symlinkSync(linkTarget(path, blob), place);
}

beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), "fewbit-rm-"));
  root = join(cache, "models--org--name");
  link(old, "config.json", "c1", 1);
  link(old, "model.safetensors", "w", 1000);
  link(now, "config.json", "c2", 2);
  link(now, "model.safetensors", "w", 1000);
  link(now, "Q4_0/m-Q4_0.gguf", "q", 400);
  put(join(root, "refs", "main"), now);
  put(join(root, "refs", "refs", "pr", "1"), old);
  put(join(root, "trees", `${old}.json`));
  put(join(cache, ".locks", "models--org--name", "w.lock"));
  put(join(cache, "models--org--other", "blobs", "w"), "other");
  put(join(cache, "datasets--org--name", "blobs", "w"), "data");
});

afterEach(() => rmSync(cache, { recursive: true }));

async function remove(text: string) {
  const id = parseHubId(text);
  if (id === undefined) throw new Error(text);
  const removal = await planRemoval(cache, id);
  await removeFromCache(removal);
  return { bytesFreed: removal.bytesFreed, commits: removal.commits };
}

const blobs = (): readonly string[] => readdirSync(join(root, "blobs")).sort();

test("a revision takes what is its own", async () => {
  expect(await remove("org/name@refs/pr/1")).toEqual({ bytesFreed: 1, commits: [old] });
  expect(blobs()).toEqual(["c2", "q", "w"]);
  expect(readdirSync(join(root, "snapshots"))).toEqual([now]);
  expect(existsSync(join(root, "refs", "refs", "pr", "1"))).toBe(false);
  expect(readdirSync(join(root, "trees"))).toEqual([]);
  expect(existsSync(join(root, "refs", "main"))).toBe(true);
  // The last one takes all.
  expect(await remove("org/name@main")).toEqual({ bytesFreed: 1402, commits: [now] });
  expect(readdirSync(cache).sort()).toEqual([".locks", "datasets--org--name", "models--org--other"]);
});

test("a variant leaves the rest", async () => {
  expect(await remove("org/name:q4_0")).toEqual({ bytesFreed: 400, commits: [] });
  expect(blobs()).toEqual(["c1", "c2", "w"]);
  expect((await listCachedModels(cache)).map(({ commit, fileCount }) => [commit, fileCount])).toEqual([
    [old, 2],
    [now, 2],
  ]);
});

test("the whole goes with its locks and unfinished parts", async () => {
  put(join(root, "blobs", "z.fewbit.incomplete"), "part");
  expect(await listUnfinished(cache)).toEqual([{ repository: "org/name", byteLength: 4 }]);
  const { bytesFreed, commits } = await remove("org/name");
  expect([bytesFreed, [...commits].sort()]).toEqual([1407, [old, now]]);
  expect(readdirSync(cache).sort()).toEqual([".locks", "datasets--org--name", "models--org--other"]);
  expect(readdirSync(join(cache, ".locks"))).toEqual([]);
});

test("content that another program shares between repositories is only unlinked", async () => {
  put(join(cache, ".shared", "s"), "shared");
  symlinkSync("../../.shared/s", join(root, "blobs", "s"));
  symlinkSync(linkTarget("s.gguf", "s"), join(root, "snapshots", now, "s.gguf"));
  expect(await remove("org/name:s")).toEqual({ bytesFreed: 0, commits: [] });
  expect(existsSync(join(root, "blobs", "s"))).toBe(false);
  expect(existsSync(join(cache, ".shared", "s"))).toBe(true);
});

test("copies instead of links count by themselves", async () => {
  put(join(root, "snapshots", now, "k-Q8_0.gguf"), "copy");
  expect(await remove("org/name:Q8_0")).toEqual({ bytesFreed: 4, commits: [] });
});

test.each(["org/none", "org/name@v9", `org/name@${"c".repeat(40)}`, "org/name:Q5_0"])("%s is not there", async (id) => {
  await expect(remove(id)).rejects.toThrow(IoError);
  expect(blobs()).toEqual(["c1", "c2", "q", "w"]);
});

test("a repository that is a link elsewhere is left to its owner", async () => {
  symlinkSync(root, join(cache, "models--org--link"));
  await expect(remove("org/link")).rejects.toThrow(/is a link; remove it, and what it leads to, by hand/);
});
