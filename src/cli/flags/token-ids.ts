import { readFile, stat } from "node:fs/promises";
import { IoError } from "../../util/errors.ts";
import { parseJson } from "../../util/json.ts";
import { quote } from "../../util/quote.ts";
import { UsageError } from "../usage-error.ts";

const largestFile = 64 * 2 ** 20;

/**
 * The value of `--ids`: `1,2,3`, or `@file.json` with an array. Whether a model has these ids is for the model to say.
 * Throws UsageError for what is no list of ids, IoError for a file that cannot be read.
 */
export async function readTokenIds(text: string): Promise<readonly number[]> {
  const ids = text.startsWith("@") ? await fromFile(text.slice(1)) : fromList(text);
  if (ids.length === 0) throw new UsageError("--ids holds no token; a prompt has at least one");
  return ids;
}

function fromList(text: string): readonly number[] {
  if (text.trim() === "") return [];
  if (/,\s*$/.test(text)) throw new UsageError("--ids ends with a comma; it takes 1,2,3 or @file.json");
  return text.split(",").map((part) => {
    const id = /^\s*\d+\s*$/.test(part) ? Number(part) : NaN;
    if (!isId(id)) throw new UsageError(`--ids takes 1,2,3 or @file.json; found ${quote(part)}`);
    return id;
  });
}

async function fromFile(path: string): Promise<readonly number[]> {
  if (path === "") throw new UsageError("--ids @ names no file; it takes 1,2,3 or @file.json");
  let bytes: Uint8Array;
  try {
    const found = await stat(path);
    // A pipe or a device may never end, and has no size that could say so.
    if (!found.isFile()) throw new UsageError(`--ids: ${path} is no regular file; it takes @file.json`);
    const { size } = found;
    if (size > largestFile) throw new UsageError(`--ids: ${path} has ${size} bytes; at most ${largestFile} are read`);
    bytes = await readFile(path);
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    throw new IoError(`--ids: ${path} cannot be read (${(cause as NodeJS.ErrnoException).code})`, { cause });
  }
  const value = parseJson(bytes, path, { maxBytes: largestFile, maxDepth: 8 });
  if (Array.isArray(value) && value.every(isId)) return value;
  throw new UsageError(`${path}: must hold a JSON array of token ids`);
}

function isId(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 31;
}
