import type { PreTokenizer } from "../../text/tokenizer/pre-tokenizers/pre-tokenizer.ts";

/** How text is cut before byte pair encoding: patterns, each applied to the pieces of the one before. */
export interface Cut {
  readonly patterns: readonly string[];
  /** Whether a piece that is a token is that token, whatever its merges say. */
  readonly ignoresMerges?: boolean;
  /** Where the file does not say whether a text begins with the begin token. */
  readonly addsBegin?: boolean;
}

const contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const rest = " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const gpt2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
const llama3 = `${contractions}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|${rest}`;
const qwen2 = `${contractions}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|${rest}`;
const upper = "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]";
const lower = "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]";
const o200kRest = " ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const o200k =
  `[^\\r\\n\\p{L}\\p{N}]?${upper}*${lower}+${contractions}?|` +
  `[^\\r\\n\\p{L}\\p{N}]?${upper}+${lower}*${contractions}?|\\p{N}{1,3}|${o200kRest}`;
const tekken = `[^\\r\\n\\p{L}\\p{N}]?${upper}*${lower}+|[^\\r\\n\\p{L}\\p{N}]?${upper}+${lower}*|\\p{N}|${o200kRest}`;

const cuts = {
  gpt2: { patterns: [gpt2] },
  digits: { patterns: ["\\p{N}", gpt2] },
  llama3: { patterns: [llama3], ignoresMerges: true, addsBegin: true },
  dbrx: { patterns: [llama3] },
  qwen2: { patterns: [qwen2] },
  tekken: { patterns: [tekken], ignoresMerges: true },
  o200k: { patterns: [o200k] },
  falcon: { patterns: ["[\\p{P}\\$\\+<=>\\^~\\|`]+", gpt2, "[0-9][0-9][0-9]"] },
  deepseekCoder: { patterns: ["[\\r\\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", "[一-龥ࠀ-一가-퟿]+", "\\p{N}"] },
  deepseek3: {
    patterns: [
      "\\p{N}{1,3}",
      "[一-龥぀-ゟ゠-ヿ]+",
      "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+|" +
        " ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
    ],
  },
  fallback: { patterns: ["[\\p{P}\\$\\+<=>\\^~\\|]+", gpt2, "\\p{N}+", "[0-9][0-9][0-9]"] },
} as const satisfies Record<string, Cut>;

/** By `tokenizer.ggml.pre`, which names a tokenizer that llama.cpp's converter knew by what it does to a text. */
const cutOf: Readonly<Record<string, Cut>> = {
  ...named(
    cuts.gpt2,
    "gpt-2",
    "gpt2",
    "phi-2",
    "olmo",
    "mpt",
    "jais",
    "roberta-bpe",
    "exaone4",
    "trillion",
    "modern-bert",
  ),
  ...named(cuts.gpt2, "jina-es", "jina-de", "jina-v1-en", "jina-v2-es", "jina-v2-de", "jina-v2-code", "gigachat"),
  ...named(cuts.digits, "starcoder", "refact", "command-r", "smollm", "codeshell", "exaone", "minerva-7b"),
  ...named(cuts.llama3, "llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2"),
  ...named(cuts.dbrx, "dbrx", "smaug-bpe", "chatglm-bpe", "glm4", "hunyuan-dense"),
  ...named(cuts.qwen2, "qwen2", "stablelm2", "deepseek-r1-qwen", "megrez", "hunyuan", "kormo", "seed-coder"),
  ...named(cuts.tekken, "tekken"),
  ...named(cuts.o200k, "gpt-4o", "llama4", "kanana2", "o200k"),
  ...named(cuts.falcon, "falcon"),
  ...named(cuts.deepseekCoder, "deepseek-coder"),
  ...named(cuts.deepseek3, "deepseek-v3"),
  ...named(cuts.fallback, "default"),
};

/** The names that files are written with, by what they mean; the first that means the same is taken. */
export const canonicalCuts: readonly { readonly name: string; readonly cut: Cut }[] = [
  { name: "gpt-2", cut: cuts.gpt2 },
  { name: "smollm", cut: cuts.digits },
  { name: "llama-bpe", cut: cuts.llama3 },
  { name: "dbrx", cut: cuts.dbrx },
  { name: "qwen2", cut: cuts.qwen2 },
  { name: "tekken", cut: cuts.tekken },
  { name: "gpt-4o", cut: cuts.o200k },
  { name: "falcon", cut: cuts.falcon },
  { name: "deepseek-coder", cut: cuts.deepseekCoder },
  { name: "deepseek-v3", cut: cuts.deepseek3 },
  { name: "default", cut: cuts.fallback },
];

function named(cut: Cut, ...names: readonly string[]): Record<string, Cut> {
  return Object.fromEntries(names.map((name) => [name, cut]));
}

/** The cut of a name; undefined: nobody knows it, and `fallbackCut` is what llama.cpp takes. */
export function cutNamed(name: string): Cut | undefined {
  return Object.hasOwn(cutOf, name) ? cutOf[name] : undefined;
}

export const fallbackCut: Cut = cuts.fallback;

export function preTokenizerOf({ patterns }: Cut): PreTokenizer {
  const splits = patterns.map((regex): PreTokenizer => ({
    type: "Split",
    pattern: { regex },
    behavior: "Isolated",
    invert: false,
  }));
  const spelling: PreTokenizer = { type: "ByteLevel", addsPrefixSpace: false, splits: false };
  return { type: "Sequence", preTokenizers: [...splits, spelling] };
}
