import type { SpecialTokens } from "../text/special-tokens.ts";
import type { Tokenizer } from "../text/tokenizer/tokenizer.ts";

export interface EndOfTurnSources {
  readonly generationConfig: Readonly<Record<string, unknown>>;
  readonly config: Readonly<Record<string, unknown>>;
  readonly specialTokens: SpecialTokens;
  readonly tokenizer?: Tokenizer | undefined;
  readonly vocabSize: number;
}

/**
 * What chat models end a turn with. Early checkpoints of some name only the end of a text, and would talk on for ever. Not "<|end|>": some
 * models end a thought with it, and the answer comes behind it.
 */
const turnEnds = ["<|eot_id|>", "<|im_end|>", "<end_of_turn>", "<|endofturn|>", "<|end_of_turn|>"];

/**
 * The tokens that end an answer: `eos_token_id` (a number or a list) of generation_config.json and config.json, that of the language model
 * in the latter's `text_config`, the tokenizer's `eos_token` and `eot_token`, and the special tokens that chat models are known to end a
 * turn with. All of them, because checkpoints name the end of a turn in one place and the end of a text in another.
 */
export function endOfTurnIds({
  generationConfig,
  config,
  specialTokens,
  tokenizer,
  vocabSize,
}: EndOfTurnSources): readonly number[] {
  const named = [specialTokens.eos_token, specialTokens.eot_token].map((token) =>
    token === undefined ? undefined : tokenizer?.tokenId(token),
  );
  const known = turnEnds
    .map((token) => tokenizer?.tokenId(token))
    .filter((id) => id !== undefined && tokenizer?.isSpecial(id));
  const { text_config: textConfig } = config;
  const nested = isObject(textConfig) ? textConfig.eos_token_id : undefined;
  const candidates = [generationConfig.eos_token_id, config.eos_token_id, nested, named, known].flat();
  const isId = (value: unknown): value is number =>
    Number.isInteger(value) && (value as number) >= 0 && (value as number) < vocabSize;
  return [...new Set(candidates.filter(isId))];
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
