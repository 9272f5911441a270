import { lstat, readlink, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { IoError } from "../util/errors.ts";
import { repositoryFolder } from "./cache-layout.ts";
import { entriesOf, revisionsOf } from "./cached-models.node.ts";
import { chooseFiles } from "./choose-files.ts";
import { diskError } from "./disk-error.node.ts";
import { formatHubId, isCommit, type HubId } from "./hub-id.ts";
import { readRef, snapshotFiles, snapshotPath } from "./snapshot.node.ts";

/** What leaves the cache with a model. */
export interface Removal {
  /** Files, and folders with all that is in them, in the order in which they go: an end in between leaves no name without its content. */
  readonly paths: readonly string[];
  readonly bytesFreed: number;
  /** Of these commits nothing stays. */
  readonly commits: readonly string[];
}

/** The files of one commit. */
interface Snapshot {
  readonly commit: string;
  readonly going: readonly string[];
  readonly staying: readonly string[];
}

/**
 * What is to be removed for an id: without a revision all commits, with a variant only its files. Content that something else refers to
 * stays. Throws IoError where the cache has no such thing.
 */
export async function planRemoval(cacheFolder: string, id: HubId): Promise<Removal> {
  const name = repositoryFolder(id.repository);
  const root = join(cacheFolder, name);
  if ((await lstatIfAny(root))?.isSymbolicLink())
    throw new IoError(`${root}: is a link; remove it, and what it leads to, by hand`);
  const snapshots = await divide(root, id);
  const isWhole = id.revision === undefined && id.variant === undefined && (await entriesOf(root)).length > 0;
  if (!isWhole && snapshots.every(({ going }) => going.length === 0))
    throw new IoError(`${formatHubId(id)} is not in the cache (${cacheFolder})`);
  const gone = snapshots.filter(({ staying }) => staying.length === 0).map(({ commit }) => commit);
  if (isWhole || gone.length === snapshots.length) {
    const blobs = (await entriesOf(join(root, "blobs"))).map((entry) => join(root, "blobs", entry.name));
    const copies = snapshots.flatMap(({ commit, going }) =>
      going.map((file) => join(snapshotPath(root, commit), file)),
    );
    const paths = [join(root, "refs"), join(root, "snapshots"), root, join(cacheFolder, ".locks", name)];
    return { paths, bytesFreed: await sizeOf([...blobs, ...copies]), commits: gone };
  }
  return removePart(root, snapshots, gone);
}

/** Carries a plan out. Throws IoError for what cannot be removed; what is gone already does no harm. */
export async function removeFromCache({ paths }: Removal): Promise<void> {
  for (const path of paths) {
    try {
      await rm(path, { recursive: true, force: true });
    } catch (error) {
      throw diskError(path, error, "removed");
    }
  }
}

async function divide(root: string, id: HubId): Promise<readonly Snapshot[]> {
  const wanted = id.revision === undefined ? undefined : await readRef(root, id.revision);
  if (id.revision !== undefined && wanted === undefined) return [];
  const snapshots: Snapshot[] = [];
  for (const { name: commit } of await entriesOf(join(root, "snapshots"))) {
    if (!isCommit(commit)) continue;
    const files = await snapshotFiles(snapshotPath(root, commit));
    const going = wanted === undefined || wanted === commit ? await filesOf(id, files) : [];
    snapshots.push({ commit, going, staying: files.filter((file) => !going.includes(file)) });
  }
  return snapshots;
}

async function filesOf(id: HubId, files: readonly string[]): Promise<readonly string[]> {
  if (id.variant === undefined) return files;
  const readIndex = (): never => {
    throw new IoError("a variant has no index");
  };
  try {
    return (await chooseFiles(files, { label: formatHubId(id), variant: id.variant, readIndex })).paths;
  } catch {
    return []; // this commit has no such variant
  }
}

async function removePart(root: string, snapshots: readonly Snapshot[], gone: readonly string[]): Promise<Removal> {
  const blobsOf = async (pick: (snapshot: Snapshot) => readonly string[]): Promise<ReadonlySet<string>> => {
    const found = new Set<string>();
    for (const snapshot of snapshots)
      for (const file of pick(snapshot))
        found.add(await contentOf(root, join(snapshotPath(root, snapshot.commit), file)));
    return found;
  };
  const staying = await blobsOf((snapshot) => snapshot.staying);
  const going = [...(await blobsOf((snapshot) => snapshot.going))].filter((path) => !staying.has(path));
  const revisions = await revisionsOf(root);
  const refs = gone.flatMap((commit) => (revisions.get(commit) ?? []).map((name) => join(root, "refs", name)));
  const folders = gone.flatMap((commit) => [
    snapshotPath(root, commit),
    join(root, ".no_exist", commit), // both are huggingface_hub's
    join(root, "trees", `${commit}.json`),
  ]);
  const files = snapshots
    .filter(({ commit }) => !gone.includes(commit))
    .flatMap(({ commit, going: names }) => names.map((file) => join(snapshotPath(root, commit), file)));
  return { paths: [...refs, ...folders, ...files, ...going], bytesFreed: await sizeOf(going), commits: gone };
}

/** The blob that a file of a snapshot is a link to, or the file itself where it is a copy. */
async function contentOf(root: string, path: string): Promise<string> {
  const target = await readlink(path).catch(() => undefined);
  return target === undefined ? path : join(root, "blobs", basename(target));
}

/** Links count for what they are: what they lead to stays, or is counted by itself. */
async function sizeOf(paths: readonly string[]): Promise<number> {
  let bytes = 0;
  for (const path of new Set(paths)) {
    const stats = await lstatIfAny(path);
    if (stats?.isFile()) bytes += stats.size;
  }
  return bytes;
}

async function lstatIfAny(path: string) {
  return lstat(path).catch(() => undefined);
}
