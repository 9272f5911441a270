import { createHash, type Hash } from "node:crypto";
import { constants } from "node:fs";
import { open, rename, stat, unlink, type FileHandle } from "node:fs/promises";
import { chunksOf, contentRange, discard } from "../io/response.ts";
import { retrying, Transient, type Connection } from "../io/retrying.ts";
import { throwIfAborted } from "../util/abort.ts";
import { FormatError, IoError } from "../util/errors.ts";
import { diskError } from "./disk-error.node.ts";
import { FileLock, LockLostError } from "./file-lock.node.ts";
import type { HubClient } from "./hub-client.ts";
import type { RepositoryFile } from "./repository-file.ts";

export interface BlobDownload {
  readonly client: HubClient;
  readonly repository: string;
  readonly commit: string;
  readonly file: RepositoryFile;
  /** Where the file belongs; its folder exists. */
  readonly path: string;
  readonly lockPath: string;
  readonly signal: AbortSignal | undefined;
  /** Told how much of the file is here, which may also go down. */
  readonly onBytes: (bytesDone: number) => void;
  /** Another process is fetching the same file. */
  readonly onWait: () => void;
}

const maxRestarts = 4;

/** What an interrupted download leaves; huggingface_hub counts it among its own leftovers, and never writes to it. */
export function partialPath(path: string): string {
  return `${path}.fewbit.incomplete`;
}

/** Whether a file of the cache is there in full. Its name is its hash, which was checked when it got the name. */
export async function hasBlob(path: string, size: number): Promise<boolean> {
  try {
    const found = await stat(path);
    return found.isFile() && found.size === size;
  } catch {
    return false;
  }
}

/**
 * Fetches one file to where it belongs, unless it is there: continues what an earlier try has left, checks size and hash of everything
 * (what was there included), and renames it into place at last, so that nobody ever sees a part of it. One process at a time; others wait
 * and then find it done. Throws IoError, FormatError for content that is not what the list of files says, AbortedError; the part stays.
 */
export async function downloadBlob(download: BlobDownload): Promise<void> {
  for (;;) {
    try {
      return await downloadLocked(download);
    } catch (error) {
      if (!(error instanceof LockLostError)) throw diskError(download.path, error);
    }
  }
}

async function downloadLocked(download: BlobDownload): Promise<void> {
  const { path, file, lockPath, signal, onBytes, onWait } = download;
  await using lock = await FileLock.acquire(lockPath, { signal, onWait });
  if (await hasBlob(path, file.size)) return onBytes(file.size);
  // What an earlier process has left may be to blame; what came in one go is the server's doing, and would come again.
  const state = await fetchPart(download, lock);
  if (state === "damaged" && (await fetchPart(download, lock)) === "damaged") throw wrongHash(download);
  await lock.check();
  await rename(partialPath(path), path);
}

/** "damaged": what was there before was no part of this file; it is gone now. */
async function fetchPart(download: BlobDownload, lock: FileLock): Promise<"whole" | "damaged"> {
  const { client, file, path, signal, repository, commit } = download;
  const partPath = partialPath(path);
  const handle = await open(partPath, constants.O_RDWR | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0));
  try {
    const part = new Part(handle, download);
    await part.readExisting();
    const { backoffMs } = client;
    const label = client.fileLabel(repository, commit, file.path);
    const patience = { stallMs: client.downloadTimeoutMs, ...(backoffMs !== undefined && { backoffMs }) };
    if (part.length < file.size) {
      await retrying({ label, signal, ...patience }, async (connection) => {
        await lock.check();
        await part.receive(connection, label);
      });
    }
    if (!part.isIntact()) {
      await unlink(partPath);
      if (part.isContinued) return "damaged";
      throw wrongHash(download);
    }
    await handle.datasync(); // a crash of the machine must not leave a full-sized file of zeros under this name
    return "whole";
  } finally {
    await handle.close();
  }
}

function wrongHash({ client, repository, commit, file }: BlobDownload): FormatError {
  return new FormatError(
    `${client.fileLabel(repository, commit, file.path)}: what arrived is not the file: its ${hashName(file)} is not ${file.hash}`,
  );
}

function hashName({ hash }: RepositoryFile): string {
  return hash.length === 64 ? "SHA-256" : "SHA-1 as a git blob";
}

/** The beginning of a file, on the disk and in a hash. */
class Part {
  length = 0;
  /** It begins with what an earlier process has left. */
  isContinued = false;
  #restarts = 0;
  #hash: Hash;
  /** Of the first answer: the content must not change between tries. */
  #etag: string | null | undefined;
  readonly #handle: FileHandle;
  readonly #download: BlobDownload;

  constructor(handle: FileHandle, download: BlobDownload) {
    this.#handle = handle;
    this.#download = download;
    this.#hash = startHash(download.file);
  }

  /** Hashes what an earlier try has left. */
  async readExisting(): Promise<void> {
    const { file, signal, onBytes } = this.#download;
    const { size } = await this.#handle.stat();
    if (size > file.size) return this.#startAgain();
    const buffer = Buffer.allocUnsafe(Math.min(size, 2 ** 20));
    while (this.length < size) {
      throwIfAborted(signal, file.path);
      const { bytesRead } = await this.#handle.read(buffer, 0, buffer.length, this.length);
      if (bytesRead === 0) return this.#startAgain();
      this.#hash.update(buffer.subarray(0, bytesRead));
      this.length += bytesRead;
    }
    this.isContinued = size > 0;
    onBytes(size);
  }

  /** One attempt at the rest of the file. */
  async receive(connection: Connection, label: string): Promise<void> {
    const { client, repository, commit, file, onBytes } = this.#download;
    const response = await client.request(repository, commit, file, { offset: this.length, connection });
    if (!(await this.#continues(response))) {
      await discard(response);
      throw new Transient(new IoError(`${label}: the server does not continue at byte ${this.length}`));
    }
    for await (const chunk of chunksOf(response, connection.signal)) {
      connection.received(chunk.byteLength);
      if (this.length + chunk.byteLength > file.size) {
        await this.#startAgain();
        throw new FormatError(`${label}: the server sends more than the ${file.size} bytes of the list of files`);
      }
      await this.#append(chunk);
      onBytes(this.length);
    }
    if (this.length < file.size)
      throw new Transient(new IoError(`${label}: the connection closed ${file.size - this.length} bytes early`));
  }

  isIntact(): boolean {
    return this.#hash.digest("hex") === this.#download.file.hash;
  }

  /** Whether an answer goes on where this part ends. Where the content is another one by now, the part is dropped first. */
  async #continues(response: Response): Promise<boolean> {
    const { file } = this.#download;
    // No If-Range: servers behind the Hub that do not know each other's ETags would send the whole file each time.
    const etag = response.headers.get("etag");
    const isChanged = this.#etag !== undefined && etag !== this.#etag;
    this.#etag = etag;
    if (response.status === 200) {
      if (this.length > 0) await this.#startAgain(); // the range is ignored: the whole file comes
      return true;
    }
    const range = contentRange(response);
    if (!isChanged && range?.first === this.length && range.total === file.size) return true;
    await this.#startAgain();
    return false;
  }

  async #append(chunk: Uint8Array): Promise<void> {
    let written = 0;
    while (written < chunk.byteLength) {
      const { bytesWritten } = await this.#handle
        .write(chunk, written, chunk.byteLength - written, this.length)
        .catch((cause: unknown) => {
          throw diskError(partialPath(this.#download.path), cause);
        });
      this.#hash.update(chunk.subarray(written, written + bytesWritten));
      written += bytesWritten;
      this.length += bytesWritten;
    }
  }

  async #startAgain(): Promise<void> {
    const { client, repository, commit, file } = this.#download;
    await this.#handle.truncate(0);
    this.length = 0;
    this.isContinued = false;
    this.#hash = startHash(file);
    // Each time a part of it arrives, so that for `retrying` the transfer advances.
    if (++this.#restarts > maxRestarts)
      throw new IoError(
        `${client.fileLabel(repository, commit, file.path)}: had to begin anew ${maxRestarts} times; the server drops ` +
          "connections and does not continue the same content",
      );
  }
}

/** git hashes a blob with its size in front. */
function startHash({ hash, size }: RepositoryFile): Hash {
  return hash.length === 64 ? createHash("sha256") : createHash("sha1").update(`blob ${size}\0`);
}
