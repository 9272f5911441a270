import type { Folder } from "../io/folder.ts";
import { FormatError } from "../util/errors.ts";
import { parseJsonObject, type JsonObject } from "../util/json.ts";

/** A tokenizer of 250,000 tokens has some 30 MB. */
const maxTextBytes = 128 * 2 ** 20;
/** Read no further than what the parser would refuse. */
const maxConfigBytes = 16 * 2 ** 20;

interface ReadFileOptions {
  readonly maxBytes: number;
  readonly signal: AbortSignal | undefined;
}

/** A whole file of a folder; FormatError when it is larger than `maxBytes`. */
export async function readFile(folder: Folder, name: string, options: ReadFileOptions): Promise<Uint8Array> {
  const { maxBytes, signal } = options;
  await using source = await folder.open(name);
  if (source.size > maxBytes) {
    throw new FormatError(`${source.label}: has ${source.size} bytes; at most ${maxBytes} are read`);
  }
  return await source.read(0, source.size, signal && { signal }); // the source is closed on return
}

export async function readText(folder: Folder, name: string, signal?: AbortSignal): Promise<string> {
  const bytes = await readFile(folder, name, { maxBytes: maxTextBytes, signal });
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new FormatError(`${folder.label}/${name}: is not valid UTF-8`, { cause });
  }
}

export async function readConfig(folder: Folder, name: string, signal?: AbortSignal): Promise<JsonObject> {
  const bytes = await readFile(folder, name, { maxBytes: maxConfigBytes, signal });
  return parseJsonObject(bytes, `${folder.label}/${name}`);
}
