import { FormatError, IoError, RequestError, UnsupportedError } from "../util/errors.ts";
import { quote } from "../util/quote.ts";

/** Which files hold a checkpoint's tensors: those that an index names, or these, of one container. */
export type WeightFiles =
  | { readonly index: string }
  | { readonly container: "safetensors" | "gguf" | "ggml"; readonly files: readonly string[] };

const indexSuffix = ".safetensors.index.json";
const part = /^(.*)-(\d{5})-of-(\d{5})(\.safetensors|\.gguf)$/;

/**
 * Finds the weights among the names of a folder's files. As transformers, it takes `model.safetensors` before an index: a
 * quantized checkpoint often keeps the index of the model that it was made from. Then come an index of any base name, the
 * names of old quantizers, all `.safetensors` files there are, and at last the folder's one GGUF file or set of parts. `wanted` is the file that the user named, any
 * part of a set; `baseName` an old config's `model_file_base_name`.
 * Throws IoError when there are no weights, UnsupportedError when they are in files that cannot be read, RequestError for several models.
 */
export function findWeights(
  names: readonly string[],
  label: string,
  { wanted, baseName }: { readonly wanted?: string | undefined; readonly baseName?: string | undefined } = {},
): WeightFiles {
  if (wanted !== undefined) {
    if (!names.includes(wanted)) throw new IoError(`${label}: has no file ${quote(wanted)}`);
    const container = containerOf(wanted);
    if (container === undefined) throw whyNotThis(wanted, label);
    return { container, files: wholeSet(wanted, names, label) };
  }
  const tensorFiles = names.filter((name) => name.endsWith(".safetensors"));
  const usual = ["model.safetensors", ...(baseName === undefined ? [] : [`${baseName}.safetensors`])];
  const single = usual.find((name) => tensorFiles.includes(name));
  if (single !== undefined) return { container: "safetensors", files: [single] };
  const indexes = names.filter((name) => name.endsWith(indexSuffix));
  const index =
    indexes.find((name) => name === `model${indexSuffix}`) ?? (indexes.length === 1 ? indexes[0] : undefined);
  if (index !== undefined) return { index };
  if (tensorFiles.length === 0) {
    const files = onlyGguf(names, label);
    if (files.length === 0) throw whyNone(names, label);
    return { container: "gguf", files };
  }
  const old = tensorFiles.filter((name) => name.startsWith("gptq_model-"));
  const files = old.length > 0 ? old : tensorFiles;
  return { container: "safetensors", files: [...new Set(files.flatMap((name) => wholeSet(name, names, label)))] };
}

/** All parts of the set that `name` belongs to, or the file alone. Throws FormatError when a part is missing. */
function wholeSet(name: string, names: readonly string[], label: string): readonly string[] {
  const [, base, , count, ending] = part.exec(name) ?? [];
  if (base === undefined) return [name];
  const parts = names.filter((other) => {
    const [, otherBase, , otherCount, otherEnding] = part.exec(other) ?? [];
    return otherBase === base && otherCount === count && otherEnding === ending;
  });
  if (parts.length !== Number(count)) {
    throw new FormatError(`${label}: ${parts.length} of the ${Number(count)} parts of ${quote(base)} are there`);
  }
  return parts;
}

function containerOf(name: string): "safetensors" | "gguf" | "ggml" | undefined {
  if (name.endsWith(".safetensors")) return "safetensors";
  if (name.endsWith(".gguf")) return "gguf";
  // Models of 2023, but pickles as well: the first bytes tell. In a folder nobody looks for them.
  return name.endsWith(".bin") ? "ggml" : undefined;
}

/** The one GGUF file, or set of parts, of a folder. Throws RequestError where there are several: each is a model of its own. */
function onlyGguf(names: readonly string[], label: string): readonly string[] {
  const files = names.filter((name) => name.endsWith(".gguf") && !name.startsWith("mmproj"));
  if (files.length === 0) return [];
  const first = wholeSet(files[0], names, label);
  const other = files.find((name) => !first.includes(name));
  if (other === undefined) return first;
  const shown = files.slice(0, 8).map(quote).join(", ") + (files.length > 8 ? ", …" : "");
  throw new RequestError(`${label}: has several models, ${shown}; name the file that is meant`);
}

function whyNotThis(name: string, label: string): Error {
  if (pickle.test(name)) return whyNone([name], label);
  return new IoError(
    `${label}/${name}: is no .safetensors, .gguf or .bin file; name the model's folder, or such a file`,
  );
}

const pickle = /\.(bin|pt|pth|ckpt|pkl)$/;

function whyNone(names: readonly string[], label: string): Error {
  const found = names.find((name) => pickle.test(name));
  if (found !== undefined) {
    return new UnsupportedError(
      `${label}: ${quote(found)} is a pickle, which can run any code when it is opened; convert it to safetensors`,
    );
  }
  return new IoError(`${label}: has no .safetensors or .gguf files`);
}
