import { FormatError, IoError, RequestError, UnsupportedError } from "../util/errors.ts";
import { isJsonObject, parseJsonObject } from "../util/json.ts";
import { quote } from "../util/quote.ts";

/** What a model needs of its repository. */
export interface ChosenFiles {
  readonly paths: readonly string[];
  /** Of a GGUF repository the file that is the model, of a split set the first. */
  readonly file?: string;
  /** What was left to us, for the user to know. */
  readonly note?: string;
}

export interface ChooseOptions {
  /** For messages. */
  readonly label: string;
  /** Which file of a GGUF repository, in any case: "q4_k_m". */
  readonly variant?: string | undefined;
  /** Reads the index of the shards, which is one of the repository's files. */
  readonly readIndex: (path: string) => Promise<Uint8Array>;
}

/** What stands beside the weights, for us and for other readers of the same cache. Everything else of a repository stays there. */
const companions: readonly string[] = [
  ...["config.json", "generation_config.json", "quantize_config.json", "quant_config.json", "hf_quant_config.json"],
  ...["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"],
  ...["tokenizer.model", "spiece.model", "tekken.json", "vocab.json", "vocab.txt", "merges.txt"],
  ...["chat_template.jinja", "chat_template.json", "preprocessor_config.json", "processor_config.json"],
];
const indexSuffix = ".safetensors.index.json";
const usualIndex = `model${indexSuffix}`;
/** An index that is larger is none; it is not to be read then. */
export const maxIndexBytes = 64 * 2 ** 20;

/** What is taken of a GGUF repository that is asked for no variant; llama.cpp takes the same. */
const usualVariant = "Q4_K_M";

/**
 * Chooses a model's files among a repository's: a GGUF file with all parts of its set, or a safetensors checkpoint with its configs and
 * tokenizer, by the same precedence by which a folder is opened (model.safetensors before an index before whatever there is). Weights in
 * other formats, copies of them and pickles are never taken. Throws RequestError where the variant is missing or ambiguous,
 * UnsupportedError where only pickles are there, IoError where nothing is, FormatError for an index that is malformed or lacks shards.
 */
export async function chooseFiles(paths: readonly string[], options: ChooseOptions): Promise<ChosenFiles> {
  const { label, variant } = options;
  const ggufs = paths.filter(isGgufModel);
  if (variant !== undefined) return chooseGguf(ggufs, variant, label);
  const weights = await chooseWeights(paths, options);
  if (weights.length > 0) return { paths: [...paths.filter(isCompanion), ...weights] };
  if (ggufs.length > 0) return chooseUsualGguf(ggufs, label);
  throw whyNone(paths, label);
}

function isCompanion(path: string): boolean {
  return (
    companions.includes(path) ||
    path === "1_Pooling/config.json" || // how sentence-transformers makes an embedding
    /^[^/]+\.tiktoken$/.test(path) ||
    /^additional_chat_templates\/[^/]+\.jinja$/.test(path)
  );
}

async function chooseWeights(
  paths: readonly string[],
  { label, readIndex }: ChooseOptions,
): Promise<readonly string[]> {
  const tensorFiles = paths.filter((path) => /^[^/]+\.safetensors$/.test(path));
  if (tensorFiles.includes("model.safetensors")) return ["model.safetensors"];
  const indexes = paths.filter((path) => path.endsWith(indexSuffix) && !path.includes("/"));
  const index = indexes.includes(usualIndex) ? usualIndex : indexes.length === 1 ? indexes[0] : undefined;
  if (index !== undefined && tensorFiles.length > 0) {
    const shards = parseIndex(await readIndex(index), `${label}/${index}`);
    const missing = shards.filter((name) => !tensorFiles.includes(name));
    if (missing.length === 0) return [index, ...shards];
    if (missing.length < shards.length) {
      const names = missing.slice(0, 3).map(quote).join(", ");
      throw new FormatError(`${label}: ${missing.length} of the ${shards.length} shards are not there: ${names}`);
    }
    // The index of the model that this one was quantized from, as EXL2 repositories often keep it: not taken.
  }
  const old = tensorFiles.filter((path) => path.startsWith("gptq_model-"));
  if (old.length > 0) return old;
  // Mistral's own names for what a checkpoint has under the usual ones; adapters are no model.
  const ownNames = tensorFiles.filter((path) => !/^(consolidated|adapter_model)/.test(path));
  return ownNames.length > 0 ? ownNames : tensorFiles.filter((path) => path.startsWith("consolidated"));
}

/** The files that an index of shards names. Throws FormatError. */
function parseIndex(json: Uint8Array, label: string): readonly string[] {
  const { weight_map: map } = parseJsonObject(json, label, { maxBytes: maxIndexBytes, maxDepth: 8 });
  if (!isJsonObject(map)) throw new FormatError(`${label}: has no "weight_map"`);
  const names = [...new Set(Object.values(map))];
  if (names.length === 0) throw new FormatError(`${label}: names no files`);
  return names.map((name) => {
    if (typeof name !== "string" || !/^[^/]+\.safetensors$/.test(name))
      throw new FormatError(
        `${label}: ${quote(JSON.stringify(name))} is refused: only plain names of .safetensors files are accepted`,
      );
    return name;
  });
}

interface Gguf {
  readonly path: string;
  /** The path without the number of the part and the ending: the same for all parts of a set. */
  readonly set: string;
  readonly part: number;
  readonly count: number;
}

/** Projectors of vision models and the data that quantizers measured end in .gguf as well. */
function isGgufModel(path: string): boolean {
  return path.endsWith(".gguf") && !/(^|[/._-])(mmproj|imatrix)/i.test(path);
}

function parseGgufPath(path: string): Gguf {
  const [, set, part, count] = /^(.*?)(?:-(\d{5})-of-(\d{5}))?\.gguf$/s.exec(path) ?? [];
  return { path, set: set ?? path, part: Number(part ?? 1), count: Number(count ?? 1) };
}

function chooseGguf(paths: readonly string[], variant: string, label: string): ChosenFiles {
  const set = findGgufSet(paths, variant, label);
  if (set === undefined)
    throw new RequestError(
      `${label}: ${paths.length === 0 ? "has no GGUF files" : `has no variant ${quote(variant)}`}${whichThereAre(paths)}`,
    );
  return wholeSet(set, paths, label);
}

function chooseUsualGguf(paths: readonly string[], label: string): ChosenFiles {
  const sets = new Set(paths.map((path) => parseGgufPath(path).set));
  const [only] = sets;
  if (sets.size === 1) return wholeSet(only, paths, label);
  const usual = findGgufSet(paths, usualVariant, label);
  if (usual === undefined)
    throw new RequestError(
      `${label}: has ${sets.size} GGUF models; name one of them, as ORG/NAME:VARIANT${whichThereAre(paths)}`,
    );
  return {
    ...wholeSet(usual, paths, label),
    note: `${label}: ${usualVariant} of ${sets.size} variants is taken; ORG/NAME:VARIANT names another`,
  };
}

/**
 * The set that a variant means: a whole file name, or how one ends ("model-Q4_K_M", "model.q4_0", "Q4_K_M/model-Q4_K_M"). Of several the
 * shortest, if the others only say more of the same model ("model-UD-Q4_K_M").
 */
function findGgufSet(paths: readonly string[], variant: string, label: string): string | undefined {
  const wanted = variant.toLowerCase().replace(/\.gguf$/, "");
  /** What stands before the variant. */
  const stems = new Map<string, string>();
  for (const { set } of paths.map(parseGgufPath)) {
    const name = (set.split("/").at(-1) ?? set).toLowerCase();
    const stem = name.slice(0, -wanted.length);
    if (name === wanted || (name.endsWith(wanted) && isBoundary(stem.at(-1), wanted))) stems.set(set, stem);
  }
  const [first, ...others] = [...stems].sort(([a], [b]) => a.length - b.length);
  if (first === undefined) return undefined;
  const [set, stem] = first;
  const rival = others.find(([other, otherStem]) => other.length === set.length || !otherStem.startsWith(stem));
  if (rival !== undefined)
    throw new RequestError(`${label}: ${quote(variant)} may be ${quote(set)} or ${quote(rival[0])}; name more of it`);
  return set;
}

/** Whether a name may be cut behind this character: "model_q4_0" at "q4_0", but "q4_0" not at "0". */
function isBoundary(before: string | undefined, wanted: string): boolean {
  return before === "-" || before === "." || (before === "_" && /^([it]?q|b?f|mxfp)\d/.test(wanted));
}

function wholeSet(set: string, paths: readonly string[], label: string): ChosenFiles {
  const parts = paths
    .map(parseGgufPath)
    .filter((gguf) => gguf.set === set)
    .sort((a, b) => a.part - b.part);
  const { count } = parts[0];
  if (parts.length !== count || parts.some((gguf, i) => gguf.count !== count || gguf.part !== i + 1))
    throw new FormatError(`${label}: ${parts.length} of the ${count} parts of ${quote(set)} are there`);
  return { paths: parts.map(({ path }) => path), file: parts[0].path };
}

const shownVariants = 30;

function whichThereAre(paths: readonly string[]): string {
  const sets = [...new Set(paths.map((path) => parseGgufPath(path).set))].sort();
  if (sets.length === 0) return "";
  const shown = sets.slice(0, shownVariants).map(quote).join(", ");
  return `; there ${sets.length === 1 ? "is" : "are"} ${shown}${sets.length > shownVariants ? ` and ${sets.length - shownVariants} more` : ""}`;
}

function whyNone(paths: readonly string[], label: string): Error {
  const pickle = paths.find((path) => /\.(bin|pt|pth|ckpt|pkl)$/.test(path));
  if (pickle === undefined) return new IoError(`${label}: has no .safetensors and no .gguf files`);
  return new UnsupportedError(
    `${label}: its weights are pickles (${quote(pickle)}), which can run any code when they are opened; look for a copy in safetensors`,
  );
}
