import { FormatError, IoError, UnsupportedError } from "../util/errors.ts";
import { quote } from "../util/quote.ts";

/** Which files hold a checkpoint's tensors: those that an index names, or these. */
export type WeightFiles = { readonly index: string } | { readonly files: readonly string[] };

const indexSuffix = ".safetensors.index.json";
const part = /^(.*)-(\d{5})-of-(\d{5})\.safetensors$/;

/**
 * Finds the weights among the names of a folder's files. As transformers, it takes `model.safetensors` before an index: a
 * quantized checkpoint often keeps the index of the model that it was made from. Then come an index of any base name, the
 * names of old quantizers, and at last all `.safetensors` files there are. `wanted` is the file that the user named, any
 * part of a set; `baseName` an old config's `model_file_base_name`.
 * Throws IoError when there are no weights, UnsupportedError when they are in files that cannot be read.
 */
export function findWeights(
  names: readonly string[],
  label: string,
  { wanted, baseName }: { readonly wanted?: string | undefined; readonly baseName?: string | undefined } = {},
): WeightFiles {
  if (wanted !== undefined) {
    if (!names.includes(wanted)) throw new IoError(`${label}: has no file ${quote(wanted)}`);
    if (!wanted.endsWith(".safetensors")) throw whyNotThis(wanted, label);
    return { files: wholeSet(wanted, names, label) };
  }
  const tensorFiles = names.filter((name) => name.endsWith(".safetensors"));
  const usual = ["model.safetensors", ...(baseName === undefined ? [] : [`${baseName}.safetensors`])];
  const single = usual.find((name) => tensorFiles.includes(name));
  if (single !== undefined) return { files: [single] };
  const indexes = names.filter((name) => name.endsWith(indexSuffix));
  const index =
    indexes.find((name) => name === `model${indexSuffix}`) ?? (indexes.length === 1 ? indexes[0] : undefined);
  if (index !== undefined) return { index };
  if (tensorFiles.length === 0) throw whyNone(names, label);
  const old = tensorFiles.filter((name) => name.startsWith("gptq_model-"));
  const files = old.length > 0 ? old : tensorFiles;
  return { files: [...new Set(files.flatMap((name) => wholeSet(name, names, label)))] };
}

/** All parts of the set that `name` belongs to, or the file alone. Throws FormatError when a part is missing. */
function wholeSet(name: string, names: readonly string[], label: string): readonly string[] {
  const [, base, , count] = part.exec(name) ?? [];
  if (base === undefined) return [name];
  const parts = names.filter((other) => {
    const [, otherBase, , otherCount] = part.exec(other) ?? [];
    return otherBase === base && otherCount === count;
  });
  if (parts.length !== Number(count)) {
    throw new FormatError(`${label}: ${parts.length} of the ${Number(count)} parts of ${quote(base)} are there`);
  }
  return parts;
}

function whyNotThis(name: string, label: string): Error {
  if (/\.(gguf|bin|pt|pth|ckpt|pkl)$/.test(name)) return whyNone([name], label);
  return new IoError(`${label}/${name}: is no .safetensors file; name the model's folder, or such a file`);
}

function whyNone(names: readonly string[], label: string): Error {
  const gguf = names.find((name) => name.endsWith(".gguf"));
  if (gguf !== undefined) {
    return new UnsupportedError(`${label}: ${quote(gguf)} is GGUF; safetensors checkpoints can be read`);
  }
  const pickle = names.find((name) => /\.(bin|pt|pth|ckpt|pkl)$/.test(name));
  if (pickle !== undefined) {
    return new UnsupportedError(
      `${label}: ${quote(pickle)} is a pickle, which can run any code when it is opened; convert it to safetensors`,
    );
  }
  return new IoError(`${label}: has no .safetensors files`);
}
