import { openSafetensorsFiles, openShardedSafetensors } from "../containers/safetensors/sharded.ts";
import type { SafetensorsFile } from "../containers/safetensors/read-safetensors.ts";
import { recogniseFormat } from "../formats/formats.ts";
import { unreadableFormat } from "../formats/unreadable-format.ts";
import type { Evidence, RecognisedFormat, TensorData } from "../formats/weight-format.ts";
import type { ByteSource } from "../io/byte-source.ts";
import type { Folder } from "../io/folder.ts";
import { FormatError, UnsupportedError } from "../util/errors.ts";
import { isJsonObject, jsonType, type JsonObject } from "../util/json.ts";
import { mapConcurrent } from "../util/map-concurrent.ts";
import { quote } from "../util/quote.ts";
import { once } from "../util/warn-once.ts";
import type { Checkpoint, OpenCheckpointOptions } from "./checkpoint.ts";
import { findWeights, type WeightFiles } from "./find-weights.ts";
import { openGgufCheckpoint, openLegacyCheckpoint } from "./open-ggml-checkpoint.ts";
import { LoadedCheckpoint } from "./loaded-checkpoint.ts";
import { readConfig, readFile } from "./read-file.ts";
import { readWhole } from "./read-whole.ts";

const maxIndexBytes = 64 * 2 ** 20;

/** Where a quantization may be declared besides config.json; quantizers wrote them before config.json had a place for it. */
const quantizationFiles = ["quantize_config.json", "quant_config.json", "hf_quant_config.json"];

/**
 * Opens a model's folder: finds its configs and weights, reads the headers, and recognises the format. A folder without
 * config.json opens too, for a look at its tensors. Throws IoError when there are no weights, UnsupportedError for files
 * and formats that cannot be read, FormatError for malformed files. Nothing stays open when it throws.
 */
export async function openCheckpoint(folder: Folder, options: OpenCheckpointOptions): Promise<Checkpoint> {
  const warn = once(options.warn);
  const files = await folder.list();
  const readIfThere = (name: string): Promise<JsonObject | undefined> =>
    files.includes(name) ? readConfig(folder, name, options.signal) : Promise.resolve(undefined);
  const [config, generationConfig, ...older] = await Promise.all([
    readIfThere("config.json"),
    readIfThere("generation_config.json"),
    ...quantizationFiles.map(readIfThere),
  ]);
  const quantization = findQuantization(folder.label, config, older);
  const baseName = quantization?.declared.model_file_base_name;
  const weights = findWeights(files, folder.label, {
    wanted: options.file,
    baseName: typeof baseName === "string" ? baseName : undefined,
  });
  if ("container" in weights && weights.container !== "safetensors") {
    const open = weights.container === "gguf" ? openGgufCheckpoint : openLegacyCheckpoint;
    const sources = await openAll(folder, weights.files);
    return open({ folder, files, sources, warn, transposed: options.transposed, signal: options.signal });
  }
  const container = await openWeights(folder, weights, options.signal);
  try {
    const evidence = {
      ...(quantization && { declared: quantization.declared }),
      label: quantization?.label ?? container.label,
      metadata: container.metadata,
      tensors: container.tensors,
    };
    const recognised = recognise(evidence, options);
    return new LoadedCheckpoint({
      folder,
      files,
      config,
      generationConfig,
      declared: quantization?.declared,
      container,
      ...recognised,
      readFirst: await readFirst(container, recognised.format),
      transposed: options.transposed,
      warn,
    });
  } catch (error) {
    await container.close();
    throw error;
  }
}

/** A quarter of a kilobyte each is usual. */
const maxReadFirstBytes = 65_536;

/** The small tensors without which the format cannot tell shapes. */
async function readFirst(
  container: SafetensorsFile,
  format: RecognisedFormat,
): Promise<ReadonlyMap<string, TensorData>> {
  const wanted = [...container.tensors.values()].filter(({ name }) => format.isReadFirst(name));
  const large = wanted.find(({ byteLength }) => byteLength > maxReadFirstBytes);
  if (large !== undefined) {
    throw new FormatError(
      `${container.label}: tensor ${quote(large.name)} has ${large.byteLength} bytes; at most ${maxReadFirstBytes} are read of its kind`,
    );
  }
  const read = await mapConcurrent(wanted, 16, (tensor) => readWhole(tensor));
  return new Map(read.map((tensor) => [tensor.name, tensor]));
}

/** The format, or, where that is accepted, what stands in for one that cannot be read, and why. */
function recognise(
  evidence: Evidence,
  options: OpenCheckpointOptions,
): { readonly format: RecognisedFormat; readonly unreadable?: string } {
  try {
    return { format: recogniseFormat(evidence, options) };
  } catch (error) {
    if (!options.acceptsUnreadable || !(error instanceof UnsupportedError)) throw error;
    return { format: unreadableFormat(evidence), unreadable: error.message };
  }
}

async function openWeights(folder: Folder, weights: WeightFiles, signal?: AbortSignal): Promise<SafetensorsFile> {
  const options = signal && { signal };
  if ("index" in weights) {
    const index = await readFile(folder, weights.index, { maxBytes: maxIndexBytes, signal });
    const label = `${folder.label}/${weights.index}`;
    return openShardedSafetensors({ index, label, open: (name) => folder.open(name), ...options });
  }
  return openSafetensorsFiles(await openAll(folder, weights.files), { label: folder.label, ...options });
}

/** Opened one after the other: should one fail, those before it are known and closed. */
async function openAll(folder: Folder, names: readonly string[]): Promise<readonly ByteSource[]> {
  const sources: ByteSource[] = [];
  try {
    for (const name of names) sources.push(await folder.open(name));
    return sources;
  } catch (error) {
    for (const source of sources) await source.close();
    throw error;
  }
}

/** The declared quantization and the file that has it. Where several do, config.json counts, as for vLLM and TGI. */
function findQuantization(
  label: string,
  config: JsonObject | undefined,
  older: readonly (JsonObject | undefined)[],
): { readonly declared: JsonObject; readonly label: string } | undefined {
  const inConfig = config?.quantization_config ?? config?.compression_config ?? undefined;
  if (inConfig !== undefined) {
    if (!isJsonObject(inConfig)) {
      throw new FormatError(
        `${label}/config.json: "quantization_config" must be an object, found ${jsonType(inConfig)}`,
      );
    }
    if (Object.keys(inConfig).length > 0) return { declared: inConfig, label: `${label}/config.json` };
  }
  for (const [i, declared] of older.entries()) {
    if (declared !== undefined) return { declared, label: `${label}/${quantizationFiles[i]}` };
  }
  return undefined;
}
