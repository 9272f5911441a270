import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  writeSync,
  fchmodSync,
} from "node:fs";
import { homedir } from "node:os";
import { dirname, isAbsolute, join } from "node:path";

const mostEntries = 1000;
/** A file that has grown beyond this is cut to its last entries. */
const largestFile = 2 ** 20;
/** A longer message is remembered as long as the program runs. */
const longestEntry = 16 * 1024;

/**
 * What was typed in this chat and in earlier ones, for the arrow keys. The file holds one JSON string a line, oldest first; only
 * its owner can read it. Chats that run at the same time append to it, and none takes the other's lines away. A message that begins
 * with a blank is not remembered, as in a shell.
 */
export class InputHistory {
  readonly #path: string | undefined;
  #onFailure: ((message: string) => void) | undefined;
  #entries: readonly string[];

  /** Undefined path: only what is typed here is remembered. `onFailure` is told once of a file that cannot be used. */
  constructor(path: string | undefined, onFailure: (message: string) => void) {
    this.#path = path;
    this.#onFailure = onFailure;
    this.#entries = this.#withFile((file) => parseEntries(readEnd(file))) ?? [];
  }

  /** Newest first, as readline wants them. */
  get entries(): readonly string[] {
    return this.#entries;
  }

  add(text: string): void {
    if (text.trim() === "" || /^\s/.test(text) || text === this.#entries[0]) return;
    this.#entries = [text, ...this.#entries].slice(0, mostEntries);
    if (text.length > longestEntry) return;
    this.#withFile((file) => {
      // One write, which the system appends as a whole.
      writeSync(file, `${JSON.stringify(text)}\n`);
      if (fstatSync(file).size > largestFile) rewrite(file);
    });
  }

  #withFile<Result>(use: (file: number) => Result): Result | undefined {
    if (this.#path === undefined || this.#onFailure === undefined) return undefined;
    try {
      mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
      const { O_RDWR, O_APPEND, O_CREAT, O_NONBLOCK = 0 } = constants;
      const file = openSync(this.#path, O_RDWR | O_APPEND | O_CREAT | O_NONBLOCK, 0o600); // a pipe would wait for a writer
      try {
        const { mode } = fstatSync(file);
        if ((mode & constants.S_IFMT) !== constants.S_IFREG) throw new Error("it is no regular file");
        if ((mode & 0o077) !== 0) fchmodSync(file, 0o600);
        return use(file);
      } finally {
        closeSync(file);
      }
    } catch (error) {
      this.#onFailure(`what is typed is not remembered: ${this.#path}: ${(error as Error).message}`);
      this.#onFailure = undefined;
      return undefined;
    }
  }
}

/** `FEWBIT_CHAT_HISTORY` (empty: none), else `fewbit/chat-history` where the XDG Base Directory Specification puts state. */
export function historyPath(env: NodeJS.ProcessEnv): string | undefined {
  const { FEWBIT_CHAT_HISTORY: own, XDG_STATE_HOME: state } = env;
  if (own !== undefined) return own === "" ? undefined : own;
  // The specification has relative paths ignored.
  const folder = state !== undefined && isAbsolute(state) ? state : join(homedir(), ".local", "state");
  return join(folder, "fewbit", "chat-history");
}

/** At most the last `largestFile` bytes. */
function readEnd(file: number): string {
  const { size } = fstatSync(file);
  const start = Math.max(0, size - largestFile);
  const bytes = Buffer.alloc(size - start);
  const length = readSync(file, bytes, 0, bytes.length, start);
  return bytes.toString("utf8", 0, length);
}

/** Newest first. Lines that are none, the half one at the beginning of a long file among them, are passed over. */
function parseEntries(text: string): readonly string[] {
  const entries: string[] = [];
  for (const line of text.split("\n").reverse()) {
    const entry = parseEntry(line);
    if (entry !== undefined && entry !== entries.at(-1)) entries.push(entry);
    if (entries.length === mostEntries) break;
  }
  return entries;
}

function parseEntry(line: string): string | undefined {
  try {
    const entry: unknown = JSON.parse(line);
    return typeof entry === "string" ? entry : undefined;
  } catch {
    return undefined;
  }
}

/** Half of what the file may hold, so that it is not cut at every message. */
function rewrite(file: number): void {
  const kept: string[] = [];
  let length = 0;
  for (const entry of parseEntries(readEnd(file))) {
    const line = `${JSON.stringify(entry)}\n`;
    length += Buffer.byteLength(line);
    if (length > largestFile / 2) break;
    kept.push(line);
  }
  ftruncateSync(file);
  writeSync(file, kept.reverse().join(""));
}
