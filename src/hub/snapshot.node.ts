import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { copyFile, mkdir, readFile, readdir, readlink, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, join, sep } from "node:path";
import { linkTarget } from "./cache-layout.ts";
import { isCommit } from "./hub-id.ts";
import { maxFileCount, type RepositoryFile } from "./repository-file.ts";

/** The commit that a revision was when it was last asked for; undefined: it never was. */
export async function readRef(repositoryPath: string, revision: string): Promise<string | undefined> {
  if (isCommit(revision)) return revision;
  try {
    const commit = (await readFile(join(repositoryPath, "refs", revision), "utf8")).trim();
    return isCommit(commit) ? commit : undefined;
  } catch {
    return undefined;
  }
}

/** Remembers which commit a revision is. The commit's own name needs no note. */
export async function writeRef(repositoryPath: string, revision: string, commit: string): Promise<void> {
  if (revision === commit || (await readRef(repositoryPath, revision)) === commit) return;
  const path = join(repositoryPath, "refs", revision);
  await mkdir(dirname(path), { recursive: true });
  await replace(path, (aside) => writeFile(aside, commit));
}

export function snapshotPath(repositoryPath: string, commit: string): string {
  return join(repositoryPath, "snapshots", commit);
}

/** The files of a snapshot whose content is there, as paths of the repository, sorted. */
export async function snapshotFiles(path: string): Promise<readonly string[]> {
  let names: readonly string[];
  try {
    names = await readdir(path, { recursive: true });
  } catch {
    return [];
  }
  const found: string[] = [];
  for (const name of names.slice(0, maxFileCount)) {
    const isFile = await stat(join(path, name)).then(
      (stats) => stats.isFile(),
      () => false, // a link to nowhere
    );
    if (isFile) found.push(name.split(sep).join("/"));
  }
  return found.sort();
}

/** Puts a blob that is there into a snapshot: as a link, or as a copy where there are no links. */
export async function addToSnapshot(
  repositoryPath: string,
  commit: string,
  { path, hash }: RepositoryFile,
  usesLinks: boolean,
): Promise<void> {
  const place = join(snapshotPath(repositoryPath, commit), ...path.split("/"));
  const blob = join(repositoryPath, "blobs", hash);
  const target = linkTarget(path, hash);
  if ((await readlink(place).catch(() => undefined)) === target) return;
  await mkdir(dirname(place), { recursive: true });
  const copy = (aside: string): Promise<void> => copyFile(blob, aside, constants.COPYFILE_FICLONE);
  if (!usesLinks) return replace(place, copy);
  await replace(place, async (aside) => {
    try {
      await symlink(target, aside);
    } catch (error) {
      // Windows keeps links for administrators and developers, some network disks have none.
      if (
        !["EPERM", "ENOSYS", "ENOTSUP", "EOPNOTSUPP", "EACCES"].includes(String((error as NodeJS.ErrnoException).code))
      )
        throw error;
      await copy(aside);
    }
  });
}

/** Makes a file beside its place and renames it there: whoever looks sees the old one or the new one. */
async function replace(path: string, make: (aside: string) => Promise<void>): Promise<void> {
  const aside = `${path}.${randomUUID()}.tmp`;
  try {
    await make(aside);
    await rename(aside, path);
  } finally {
    await rm(aside, { force: true });
  }
}
