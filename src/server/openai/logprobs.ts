import type { TokenEvent } from "../../llm/generation.ts";
import type { LLM } from "../../llm/llm.ts";

interface TokenLogprob {
  readonly token: string;
  readonly logprob: number;
  /** Of the token's text in UTF-8; null for a part of a character. */
  readonly bytes: readonly number[] | null;
}

/** A place of the answer as `logprobs.content` of a chat has it. */
export function chatLogprob(llm: LLM, { id, logprob, top = [] }: TokenEvent) {
  return { ...describe(llm, id, logprob), top_logprobs: top.map((other) => describe(llm, other.id, other.logprob)) };
}

function describe(llm: LLM, id: number, logprob: number): TokenLogprob {
  const token = tokenText(llm, id);
  const bytes = token.includes("\uFFFD") ? null : [...new TextEncoder().encode(token)];
  return { token, logprob, bytes };
}

/** All places of an answer as the older API has them, in columns. `offset` is where the answer's text begins. */
export function completionLogprobs(llm: LLM, events: readonly TokenEvent[], offset: number) {
  let position = offset;
  const tokens = events.map(({ id }) => tokenText(llm, id));
  return {
    tokens,
    token_logprobs: events.map(({ logprob }) => logprob),
    top_logprobs: events.map(({ top = [] }) =>
      Object.fromEntries(top.map(({ id, logprob }) => [tokenText(llm, id), logprob])),
    ),
    text_offset: tokens.map((token) => {
      const start = position;
      position += token.length;
      return start;
    }),
  };
}

function tokenText({ tokenizer }: LLM, id: number): string {
  return tokenizer?.decode([id]) ?? "";
}
