import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { link, mkdir, open, readFile, rename, stat, unlink, type FileHandle } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { throwIfAborted } from "../util/abort.ts";
import { IoError } from "../util/errors.ts";

export interface LockOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called once, when somebody else has the lock. */
  readonly onWait?: () => void;
  /** A lock that its owner has not touched for so long belongs to nobody; default 30,000. */
  readonly staleMs?: number;
}

/** The lock belongs to another process by now: this one was stopped for longer than an owner may be. Reaction: acquire it again. */
export class LockLostError extends IoError {}

const pollMs = 200;

/**
 * A lock between processes: a file that exists, whose owner touches it as long as it lives. Node has no flock(2), which some network file
 * systems only pretend to have anyway. It survives a crash for at most `staleMs`, on the same machine not at all; no two clocks are
 * compared, since whoever waits only watches whether the file changes. An owner that slept too long finds out by check().
 */
export class FileLock implements AsyncDisposable {
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #inode: bigint;
  readonly #staleMs: number;
  readonly #heart: NodeJS.Timeout;
  #lastBeat = performance.now();

  private constructor(path: string, handle: FileHandle, inode: bigint, staleMs: number) {
    this.#path = path;
    this.#handle = handle;
    this.#inode = inode;
    this.#staleMs = staleMs;
    // After a long sleep the lock may be another one's: then only check() goes on.
    this.#heart = setInterval(() => void (this.#isRested() && this.#beat()), staleMs / 6);
    this.#heart.unref();
  }

  /** Waits for the lock. Throws AbortedError, and what the file system throws. */
  static async acquire(path: string, { signal, onWait, staleMs = 30_000 }: LockOptions = {}): Promise<FileLock> {
    await mkdir(dirname(path), { recursive: true });
    let watched: { readonly state: string; readonly since: number } | undefined;
    for (;;) {
      throwIfAborted(signal, path);
      const handle = await createNew(path);
      if (handle !== undefined) return FileLock.#own(path, handle, staleMs);
      const state = await stateOf(path);
      if (state === undefined) continue; // gone meanwhile
      if (watched === undefined) onWait?.();
      if (watched?.state !== state) watched = { state, since: performance.now() };
      if (performance.now() - watched.since > staleMs || (await isOrphan(path))) {
        await breakLock(path, state);
        continue;
      }
      await sleep(pollMs, undefined, signal && { signal }).catch(() => undefined);
    }
  }

  static async #own(path: string, handle: FileHandle, staleMs: number): Promise<FileLock> {
    try {
      await handle.writeFile(JSON.stringify({ pid: process.pid, host: hostname() } satisfies Owner));
      return new FileLock(path, handle, (await handle.stat({ bigint: true })).ino, staleMs);
    } catch (error) {
      await handle.close();
      await unlink(path).catch(() => undefined);
      throw error;
    }
  }

  /** Throws LockLostError when somebody took this lock for an orphan's. */
  async check(): Promise<void> {
    if (this.#isRested()) return;
    if (!(await this.#isOurs()))
      throw new LockLostError(`${this.#path}: another process has taken over while this one slept`);
    await this.#beat();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#heart);
    if (await this.#isOurs()) await unlink(this.#path).catch(() => undefined);
    await this.#handle.close();
  }

  #isRested(): boolean {
    return performance.now() - this.#lastBeat < this.#staleMs / 2;
  }

  async #beat(): Promise<void> {
    try {
      await this.#handle.utimes(new Date(), new Date());
      this.#lastBeat = performance.now();
    } catch {
      // closed meanwhile, or a disk that is gone: check() tells
    }
  }

  async #isOurs(): Promise<boolean> {
    try {
      return (await stat(this.#path, { bigint: true })).ino === this.#inode;
    } catch {
      return false;
    }
  }
}

interface Owner {
  readonly pid: number;
  readonly host: string;
}

/** Undefined: it exists. */
async function createNew(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return undefined;
    throw error;
  }
}

/** Changes whenever the owner touches the file, or another one takes its place. */
async function stateOf(path: string): Promise<string | undefined> {
  try {
    const { ino, mtimeNs } = await stat(path, { bigint: true });
    return `${ino} ${mtimeNs}`;
  } catch {
    return undefined;
  }
}

/** Whether the owner was a process of this machine that is no more. */
async function isOrphan(path: string): Promise<boolean> {
  try {
    const { pid, host } = JSON.parse(await readFile(path, "utf8")) as Partial<Owner>;
    if (host !== hostname() || typeof pid !== "number" || !(pid > 0)) return false;
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}

/** Takes the file away if it is still the one that was watched: of two processes that try, one moves the next owner's, and puts it back. */
async function breakLock(path: string, state: string): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
    if ((await stateOf(aside)) !== state) await link(aside, path);
  } catch {
    // Another one was faster.
  } finally {
    await unlink(aside).catch(() => undefined);
  }
}
