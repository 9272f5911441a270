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
 * The tokens that end an answer: `eos_token_id` (a number or a list) of generation_config.json and config.json, and the tokenizer's
 * `eos_token`. All of them, because checkpoints name the end of a turn in one place and the end of a text in another.
 */
export function endOfTurnIds({
  generationConfig,
  config,
  specialTokens,
  tokenizer,
  vocabSize,
}: EndOfTurnSources): readonly number[] {
  const { eos_token: token } = specialTokens;
  const candidates = [
    generationConfig.eos_token_id,
    config.eos_token_id,
    token === undefined ? undefined : tokenizer?.tokenId(token),
  ].flat();
  const isId = (value: unknown): value is number =>
    Number.isInteger(value) && (value as number) >= 0 && (value as number) < vocabSize;
  return [...new Set(candidates.filter(isId))];
}
