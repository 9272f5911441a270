import type { Dirent } from "node:fs";
import { open, readdir, realpath, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import { isJsonObject, parseJson } from "../util/json.ts";
import { repositoryOfFolder } from "./cache-layout.ts";
import { isCommit } from "./hub-id.ts";
import { readRef, snapshotFiles, snapshotPath } from "./snapshot.node.ts";

/** One commit of one repository in the cache. */
export interface CachedModel {
  readonly repository: string;
  readonly commit: string;
  /** Branches and tags that were this commit when they were last asked for. */
  readonly revisions: readonly string[];
  readonly path: string;
  readonly fileCount: number;
  /** Of the files; those that other commits share are counted here, too. */
  readonly byteLength: number;
  /** When a file of it was last read, as far as the disk keeps account of that. */
  readonly lastUsed: Date;
  /** As config.json declares it, "gguf" by the files' names; undefined: neither tells. */
  readonly format: string | undefined;
}

/** All models in the cache, sorted by name; other kinds of repositories are left out. Nothing is listed where there is no cache. */
export async function listCachedModels(cacheFolder: string): Promise<readonly CachedModel[]> {
  const models: CachedModel[] = [];
  for (const { name } of await entriesOf(cacheFolder)) {
    const repository = repositoryOfFolder(name);
    if (repository === undefined) continue;
    const repositoryPath = join(cacheFolder, name);
    const revisions = await revisionsOf(repositoryPath);
    for (const { name: commit } of await entriesOf(join(repositoryPath, "snapshots"))) {
      if (isCommit(commit))
        models.push(await describe(repository, repositoryPath, commit, revisions.get(commit) ?? []));
    }
  }
  return models.sort((a, b) => compare(a.repository, b.repository) || compare(a.commit, b.commit));
}

async function describe(
  repository: string,
  repositoryPath: string,
  commit: string,
  revisions: readonly string[],
): Promise<CachedModel> {
  const path = snapshotPath(repositoryPath, commit);
  const files = await snapshotFiles(path);
  const sizes = new Map<string, number>();
  let lastUsedMs = 0;
  for (const file of files) {
    const blob = await realpath(join(path, file));
    const { size, atimeMs, mtimeMs } = await stat(blob);
    sizes.set(blob, size);
    lastUsedMs = Math.max(lastUsedMs, atimeMs, mtimeMs);
  }
  return {
    ...{ repository, commit, revisions, path },
    fileCount: files.length,
    byteLength: [...sizes.values()].reduce((sum, size) => sum + size, 0),
    lastUsed: new Date(lastUsedMs),
    format: files.some((file) => file.endsWith(".gguf")) ? "gguf" : await declaredFormat(path),
  };
}

/** Which revisions are which commit. */
export async function revisionsOf(repositoryPath: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const folder = join(repositoryPath, "refs");
  const byCommit = new Map<string, string[]>();
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  for (const name of names.sort()) {
    const revision = name.split(sep).join("/");
    const commit = await readRef(repositoryPath, revision);
    if (commit !== undefined) byCommit.set(commit, [...(byCommit.get(commit) ?? []), revision]);
  }
  return byCommit;
}

const longestConfig = 2 ** 20;

async function declaredFormat(path: string): Promise<string | undefined> {
  try {
    await using file = await open(join(path, "config.json"));
    if ((await file.stat()).size > longestConfig) return undefined;
    const config = parseJson(await file.readFile(), "config.json");
    const declared = isJsonObject(config) ? (config.quantization_config ?? config.compression_config) : undefined;
    if (declared === undefined) return "dense";
    const method = isJsonObject(declared) ? declared.quant_method : undefined;
    return typeof method === "string" && /^[\w.-]{1,40}$/.test(method) ? method : undefined;
  } catch {
    return undefined;
  }
}

/** What interrupted downloads have left of a repository. */
export interface Unfinished {
  readonly repository: string;
  readonly byteLength: number;
}

/** Repositories with parts of files, ours or huggingface_hub's, sorted by name. */
export async function listUnfinished(cacheFolder: string): Promise<readonly Unfinished[]> {
  const unfinished: Unfinished[] = [];
  for (const { name } of await entriesOf(cacheFolder)) {
    const repository = repositoryOfFolder(name);
    if (repository === undefined) continue;
    const blobs = join(cacheFolder, name, "blobs");
    let byteLength = 0;
    for (const { name: blob } of await entriesOf(blobs)) {
      if (blob.endsWith(".incomplete")) byteLength += await sizeOf(join(blobs, blob));
    }
    if (byteLength > 0) unfinished.push({ repository, byteLength });
  }
  return unfinished.sort((a, b) => compare(a.repository, b.repository));
}

/** 0 for what is gone meanwhile: downloads end while others look. */
async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

/** Nothing where there is no such folder. */
export async function entriesOf(path: string): Promise<readonly Dirent[]> {
  try {
    return await readdir(path, { withFileTypes: true });
  } catch {
    return [];
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
