import type { Folder } from "../io/folder.ts";
import { openHttpFolder, type HttpFolder } from "../io/http-folder.ts";
import { readFile } from "../checkpoint/read-file.ts";
import { maxIndexBytes, parseShardIndex } from "../containers/safetensors/shard-index.ts";
import { mapConcurrent } from "../util/map-concurrent.ts";

const index = "model.safetensors.index.json";

/** Files that a model may have; HTTP cannot list a folder, so each is asked for. */
const usualFiles = [
  ...["config.json", "generation_config.json", "quantize_config.json", "quant_config.json"],
  ...[
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    "chat_template.json",
  ],
  ...["model.safetensors", index],
];

/**
 * A model's folder below a URL: the usual files that are there, and those that its index names. The files must be served with byte
 * ranges, and to other origins where the page is on one. Undefined: there is no config.json. Throws FormatError for a malformed index, else
 * as openHttp: a server that refuses or fails is no model without that file.
 */
export async function openHttpModel(url: string | URL): Promise<Folder | undefined> {
  const candidates = openHttpFolder(url, usualFiles);
  const found = await mapConcurrent(usualFiles, 6, async (name) => ((await exists(candidates, name)) ? [name] : []));
  const names = found.flat();
  if (!names.includes("config.json")) return undefined;
  const shards = names.includes(index) ? await shardsOf(candidates) : [];
  return openHttpFolder(url, [...names, ...shards]);
}

async function exists(folder: HttpFolder, name: string): Promise<boolean> {
  await using source = await folder.openIfAny(name);
  return source !== undefined;
}

async function shardsOf(folder: Folder): Promise<readonly string[]> {
  const json = await readFile(folder, index, { maxBytes: maxIndexBytes, signal: undefined });
  return [...new Set(parseShardIndex(json, `${folder.label}/${index}`).values())];
}
