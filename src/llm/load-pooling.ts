import { readFile } from "../checkpoint/read-file.ts";
import type { Pooling } from "../engine/engine.ts";
import type { Folder } from "../io/folder.ts";
import { parseJsonObject, type JsonObject } from "../util/json.ts";

/** How a model's embeddings are made, or the name of a way that we do not have. */
export type ModelPooling = Pooling | { readonly unsupported: string };

const folderName = "1_Pooling";
const fileName = "config.json";
const maxBytes = 2 ** 16;

/**
 * What a sentence-transformers model says in 1_Pooling/config.json; else that of the last token, the only one that has seen the whole text
 * in a model that reads from left to right. Throws FormatError for a malformed file, AbortedError.
 */
export async function loadPooling(folder: Folder, signal: AbortSignal | undefined): Promise<ModelPooling> {
  const config = await folder.subfolder?.(folderName);
  if (config === undefined || !(await config.list()).includes(fileName)) return "last";
  const bytes = await readFile(config, fileName, { maxBytes, signal });
  return poolingOf(parseJsonObject(bytes, `${config.label}/${fileName}`));
}

/** Older files have a flag for every way, newer ones a name. */
function poolingOf(config: JsonObject): ModelPooling {
  const { pooling_mode: name } = config;
  const flags = Object.keys(config).filter((key) => key.startsWith("pooling_mode_") && config[key] === true);
  const names = typeof name === "string" ? [name] : flags.map((flag) => flag.slice("pooling_mode_".length));
  if (names.length === 0) return "last";
  if (names.length === 1 && (names[0] === "mean" || names[0] === "mean_tokens")) return "mean";
  if (names.length === 1 && names[0] === "lasttoken") return "last";
  return { unsupported: names.join(" + ") };
}
