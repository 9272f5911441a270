import { uniformAt } from "../../device/random.ts";
import { FormatError } from "../../util/errors.ts";

/** What one request of a bench asks. Ids have an exact length for every tokenizer; servers take them for completions alone. */
export interface BenchPrompt {
  readonly prompt: string | readonly number[];
  readonly maxTokens: number;
}

export interface RandomPrompts {
  readonly count: number;
  readonly inputLength: number;
  readonly outputLength: number;
  /** Lengths are drawn from [1 - ratio, 1 + ratio] times the length. */
  readonly rangeRatio: number;
  /** Ids are drawn below it; undefined: words are sent, of which most tokenizers make about one token each. */
  readonly vocabSize: number | undefined;
  readonly seed: number;
}

/** Prompts of which no two begin alike, so that nothing that a server remembers of one helps with another. */
export function randomPrompts({
  count,
  inputLength,
  outputLength,
  rangeRatio,
  vocabSize,
  seed,
}: RandomPrompts): readonly BenchPrompt[] {
  const draw = new Draws(seed);
  const length = (mean: number): number => Math.max(1, Math.round(mean * (1 + rangeRatio * (2 * draw.uniform() - 1))));
  return Array.from({ length: count }, () => {
    const [input, maxTokens] = [length(inputLength), length(outputLength)];
    return { prompt: join(draw.tokens(input, vocabSize)), maxTokens };
  });
}

export interface SharedPrefixPrompts {
  readonly count: number;
  readonly prefixes: number;
  readonly prefixLength: number;
  readonly suffixLength: number;
  readonly outputLength: number;
  readonly vocabSize: number | undefined;
  readonly seed: number;
}

/** Prompts that begin with one of a few prefixes, taken in turns, and end each in its own way. */
export function sharedPrefixPrompts(options: SharedPrefixPrompts): readonly BenchPrompt[] {
  const { count, prefixes, prefixLength, suffixLength, outputLength, vocabSize, seed } = options;
  const draw = new Draws(seed);
  const shared = Array.from({ length: prefixes }, () => draw.tokens(prefixLength, vocabSize));
  return Array.from({ length: count }, (_, index) => {
    const tokens = [...shared[index % prefixes], ...draw.tokens(suffixLength, vocabSize)];
    return { prompt: join(tokens), maxTokens: outputLength };
  });
}

/** About four characters are a token of English. */
const charactersPerToken = 4;

/**
 * A file of prompts: JSON as ShareGPT has it (conversations of {from, value}; the first turn asks, the second says how long the answer is
 * to be), or lines of {"prompt": …, "output_tokens": …}. Starts over when it holds fewer than asked for.
 */
export function filePrompts(
  text: string,
  path: string,
  count: number,
  outputLength: number | undefined,
): readonly BenchPrompt[] {
  const found = text.trimStart().startsWith("[") ? shareGpt(text, path, outputLength) : lines(text, path, outputLength);
  if (found.length === 0) throw new FormatError(`${path}: holds no prompt`);
  return Array.from({ length: count }, (_, index) => found[index % found.length]);
}

function shareGpt(text: string, path: string, outputLength: number | undefined): readonly BenchPrompt[] {
  const entries = parse(text, path);
  if (!Array.isArray(entries)) throw new FormatError(`${path}: is no array of conversations`);
  return entries.flatMap((entry: unknown) => {
    const turns = (entry as { conversations?: unknown } | null)?.conversations;
    if (!Array.isArray(turns) || turns.length < 2) return [];
    const [question, answer] = turns.map((turn) => (turn as { value?: unknown } | null)?.value);
    if (typeof question !== "string" || typeof answer !== "string" || question === "") return [];
    const said = Math.max(1, Math.round(answer.length / charactersPerToken));
    return [{ prompt: question, maxTokens: outputLength ?? said }];
  });
}

function lines(text: string, path: string, outputLength: number | undefined): readonly BenchPrompt[] {
  return text.split("\n").flatMap((line, index) => {
    if (line.trim() === "") return [];
    const where = `${path}, line ${index + 1}`;
    const entry = parse(line, where) as { prompt?: unknown; output_tokens?: unknown } | null;
    if (typeof entry?.prompt !== "string") throw new FormatError(`${where}: has no "prompt" that is a string`);
    const own = Number.isSafeInteger(entry.output_tokens) ? (entry.output_tokens as number) : undefined;
    return [{ prompt: entry.prompt, maxTokens: Math.max(1, outputLength ?? own ?? 256) }];
  });
}

function parse(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new FormatError(`${where}: is no JSON (${(cause as Error).message})`, { cause });
  }
}

const words =
  "the of and to in is you that it he was for on are as with his they at be this have from or one had by word but not what all were we when your can said there use an each which she do how their if will up other about out many then them these so some her would make like him into time has look two more write go see number no way could people my than first water been call who oil its now find long down day did get come made may part".split(
    " ",
  );

type Tokens = readonly (number | string)[];

function join(tokens: Tokens): BenchPrompt["prompt"] {
  return typeof tokens[0] === "number" ? (tokens as readonly number[]) : tokens.join(" ");
}

/** The same in every run with the same seed. */
class Draws {
  readonly #seed: number;
  #drawn = 0;

  constructor(seed: number) {
    this.#seed = seed;
  }

  uniform(): number {
    return uniformAt(this.#seed, 0, this.#drawn++);
  }

  /** The first ids of a vocabulary often mean something to the model: padding, ends. */
  tokens(count: number, vocabSize: number | undefined): Tokens {
    if (vocabSize === undefined)
      return Array.from({ length: count }, () => words[Math.floor(this.uniform() * words.length)]);
    const first = Math.min(256, vocabSize >> 1);
    return Array.from({ length: count }, () => first + Math.floor(this.uniform() * (vocabSize - first)));
  }
}
