import { openGgml } from "../containers/ggml/open-ggml.ts";
import type { Metadata } from "../containers/gguf/metadata.ts";
import { openGguf } from "../containers/gguf/open-gguf.ts";
import { decodeVector } from "../formats/dense/dense.ts";
import { ropeFactorNames } from "../formats/ggml/gguf-config.ts";
import { ggufModel } from "../formats/ggml/gguf-model.ts";
import { ggufText, legacyText, type EmbeddedText } from "../formats/ggml/gguf-text.ts";
import { legacyModel } from "../formats/ggml/legacy-model.ts";
import type { ByteSource } from "../io/byte-source.ts";
import type { Folder } from "../io/folder.ts";
import type { JsonObject } from "../util/json.ts";
import type { Warn } from "../util/warn-once.ts";
import { GgmlCheckpoint } from "./ggml-checkpoint.ts";
import { readWhole } from "./read-whole.ts";
import { withLabel } from "./with-label.ts";

export interface OpenGgmlOptions {
  readonly folder: Folder;
  /** All names of the folder. */
  readonly files: readonly string[];
  /** Taken: they are closed with the checkpoint, and when opening fails. */
  readonly sources: readonly ByteSource[];
  /** Told of what is not read: a kind of tokenizer, say. */
  readonly warn: Warn;
  /** As ReadOverrides has it. */
  readonly transposed?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Opens a GGUF file, or all parts of a split one. Throws as openGguf and ggufModel. */
export async function openGgufCheckpoint(options: OpenGgmlOptions): Promise<GgmlCheckpoint> {
  const { folder, files, sources, warn, transposed, signal } = options;
  const file = await openGguf(sources, signal && { signal });
  try {
    const { metadata, tensors, label } = file;
    const factors = new Map<string, readonly number[]>();
    for (const name of ropeFactorNames) {
      const tensor = tensors.get(name);
      if (tensor === undefined) continue;
      const data = await readWhole(tensor);
      factors.set(name, [...withLabel(label, () => decodeVector(data))]);
    }
    const model = withLabel(label, () => ggufModel({ metadata, tensors, factors }));
    const readText = (): EmbeddedText => ggufText(metadata, warn);
    const declared = declaredBy(metadata);
    return new GgmlCheckpoint({ folder, files, file, format: "gguf", declared, model, readText, transposed, warn });
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** What the file says of itself, without its lists and texts. */
function declaredBy(metadata: Metadata): JsonObject {
  const declared = Object.create(null) as Record<string, string | number>;
  for (const key of ["general.architecture", "general.name", "general.file_type", "general.quantization_version"]) {
    const value = metadata.get(key);
    if (typeof value === "string" || typeof value === "number") declared[key] = value;
  }
  return declared;
}

/** Opens a model from before GGUF. Throws as openGgml and legacyModel. */
export async function openLegacyCheckpoint(options: OpenGgmlOptions): Promise<GgmlCheckpoint> {
  const { folder, files, sources, warn, transposed, signal } = options;
  const file = await openGgml(sources[0], signal && { signal });
  try {
    const { header, tensors, label } = file;
    const model = withLabel(label, () => legacyModel(header, tensors));
    const declared = Object.assign(Object.create(null) as JsonObject, { ftype: header.fileType });
    const readText = (): EmbeddedText => legacyText(file.tokens);
    return new GgmlCheckpoint({ folder, files, file, format: "ggml", declared, model, readText, transposed, warn });
  } catch (error) {
    await file.close();
    throw error;
  }
}
