import type { Folder } from "../io/folder.ts";
import { openHttpFolder } from "../io/http-folder.ts";
import { readText } from "../checkpoint/read-file.ts";
import { IoError } from "../util/errors.ts";
import { parseJsonObject } from "../util/json.ts";
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
 * ranges, and to other origins where the page is on one. Undefined: there is no config.json.
 */
export async function openHttpModel(url: string | URL): Promise<Folder | undefined> {
  const candidates = openHttpFolder(url, usualFiles);
  const found = await mapConcurrent(usualFiles, 6, async (name) => ((await exists(candidates, name)) ? [name] : []));
  const names = found.flat();
  if (!names.includes("config.json")) return undefined;
  const shards = names.includes(index) ? await shardsOf(candidates) : [];
  return openHttpFolder(url, [...names, ...shards]);
}

async function exists(folder: Folder, name: string): Promise<boolean> {
  try {
    const source = await folder.open(name);
    await source.close();
    return true;
  } catch (error) {
    if (error instanceof IoError) return false;
    throw error;
  }
}

async function shardsOf(folder: Folder): Promise<readonly string[]> {
  const bytes = new TextEncoder().encode(await readText(folder, index));
  const { weight_map: map } = parseJsonObject(bytes, `${folder.label}/${index}`);
  const names = typeof map === "object" && map !== null ? Object.values(map) : [];
  return [...new Set(names.filter((name) => typeof name === "string"))];
}
