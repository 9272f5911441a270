import { isRepositoryName } from "./hub-id.ts";

/**
 * The cache of huggingface_hub, which many programs share:
 *
 *     models--ORG--NAME/blobs/HASH                       a file's content, once
 *     models--ORG--NAME/refs/REVISION                    the commit that a branch or tag was when it was last asked for
 *     models--ORG--NAME/snapshots/COMMIT/PATH            a relative link to its blob
 *     .locks/models--ORG--NAME/                          who is fetching what
 */
const prefix = "models--";

/** "models--org--name" for "org/name". */
export function repositoryFolder(repository: string): string {
  return prefix + repository.replace("/", "--");
}

/** The repository that a folder of the cache is for; a few old ones have no organisation. Undefined: something else. */
export function repositoryOfFolder(name: string): string | undefined {
  if (!name.startsWith(prefix)) return undefined;
  const repository = name.slice(prefix.length).replace("--", "/");
  return isRepositoryName(repository) || /^\w[\w.-]*$/.test(repository) ? repository : undefined;
}

/** What a snapshot's file holds, as a symbolic link: from the file's own folder to the blob. */
export function linkTarget(path: string, hash: string): string {
  return `${"../".repeat(path.split("/").length + 1)}blobs/${hash}`;
}
