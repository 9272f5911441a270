import { FormatError } from "../util/errors.ts";
import { isJsonObject, jsonType, type JsonObject, type JsonValue } from "../util/json.ts";
import { quote } from "../util/quote.ts";
import { isCommit } from "./hub-id.ts";

/** A file of a repository at one commit. */
export interface RepositoryFile {
  readonly path: string;
  readonly size: number;
  /** SHA-256 of the content (git LFS), or SHA-1 of the git blob: 64 or 40 hexadecimal digits. Names the file in the cache. */
  readonly hash: string;
}

/** What the Hub says of a revision: `GET /api/models/ORG/NAME/revision/REV`. */
export interface RevisionInfo {
  readonly commit: string;
  /** Paths of all files. Unchecked. */
  readonly paths: readonly string[];
}

const longestPath = 1024;
/** Checkpoints have tens of files, hundreds where they keep every step of the training. */
export const maxFileCount = 100_000;

/** Throws FormatError for anything but the answer that is documented. `label` is the URL. */
export function parseRevisionInfo(json: JsonValue, label: string): RevisionInfo {
  if (!isJsonObject(json)) throw new FormatError(`${label}: must be an object, found ${jsonType(json)}`);
  const { sha, siblings } = json;
  if (typeof sha !== "string" || !isCommit(sha)) throw new FormatError(`${label}: "sha" is not a commit`);
  if (!Array.isArray(siblings)) throw new FormatError(`${label}: "siblings" must be the list of the files`);
  requireCount(siblings.length, label);
  const paths = siblings.map((sibling: JsonValue) => pathOf(isJsonObject(sibling) ? sibling.rfilename : null, label));
  return { commit: sha, paths };
}

/** The files of one page of `GET /api/models/ORG/NAME/tree/COMMIT?recursive=true`; folders are left out. Throws FormatError. */
export function parseTreePage(json: JsonValue, label: string): readonly RepositoryFile[] {
  if (!Array.isArray(json)) throw new FormatError(`${label}: must be a list, found ${jsonType(json)}`);
  requireCount(json.length, label);
  return json.flatMap((entry: JsonValue) => {
    if (!isJsonObject(entry)) throw new FormatError(`${label}: lists ${jsonType(entry)} instead of a file`);
    return entry.type === "file" ? [parseFile(entry, label)] : [];
  });
}

function parseFile(entry: JsonObject, label: string): RepositoryFile {
  const path = pathOf(entry.path, label);
  // Of what is in LFS, the outer oid is that of the pointer.
  const { oid: hash, size } = isJsonObject(entry.lfs) ? entry.lfs : entry;
  if (typeof hash !== "string" || !(isJsonObject(entry.lfs) ? /^[0-9a-f]{64}$/ : /^[0-9a-f]{40}$/).test(hash))
    throw new FormatError(`${label}: the hash of ${quote(path)} is none`);
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0)
    throw new FormatError(`${label}: the size of ${quote(path)} is none`);
  return { path, size, hash };
}

function pathOf(value: JsonValue | undefined, label: string): string {
  if (typeof value !== "string" || value === "" || value.length > longestPath)
    throw new FormatError(`${label}: lists a file whose path is no text of 1 to ${longestPath} characters`);
  return value;
}

/** Throws FormatError for more files than a model has. */
export function requireCount(count: number, label: string): void {
  if (count > maxFileCount) throw new FormatError(`${label}: lists more than ${maxFileCount} files; that is no model`);
}

/**
 * Throws FormatError for a path that would leave its folder, or that some system takes for something else: a device, a stream of a file, a
 * name that it shortens, an order to the terminal. For files that are about to be stored.
 */
export function checkStoredPath(path: string, label: string): void {
  const isSafe = path
    .split("/")
    .every(
      (part) =>
        !/^$|^\.{1,2}$|[\\:*?"<>|\p{Cc}\p{Cf}]|[. ]$/u.test(part) &&
        !/^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i.test(part) &&
        new TextEncoder().encode(part).byteLength <= 255,
    );
  if (!isSafe) throw new FormatError(`${label}: refuses to store ${quote(path)}: it is not a plain relative path`);
}
