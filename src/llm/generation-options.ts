import { greedySampling, type SamplingParameters } from "../device/sampling.ts";
import type { ChatMessage } from "../text/chat-message.ts";
import { RequestError } from "../util/errors.ts";
import type { FormOptions } from "./answer-grammar.ts";
import type { SamplingChoices } from "./sampling-defaults.ts";

/**
 * How to continue a prompt. Sampling parameters that are left out are the model's own (generation_config.json), or else
 * temperature 0.7 and top-p 0.95.
 */
export interface GenerateOptions extends SamplingChoices, FormOptions {
  /** Tokens of the answer, at least 1. Default: as many as the context holds. */
  readonly maxTokens?: number | undefined;
  /** Tokens before the first at which the answer may end by itself, at a stop text or at a stop token. Default 0. */
  readonly minTokens?: number | undefined;
  /**
   * Texts that end the answer; they are not part of it, and nothing of them is ever said. A special token that is spelled so ends it too,
   * though it has no text. At most 64, of at most 1,024 characters. Default none.
   */
  readonly stop?: string | readonly string[] | undefined;
  /** Further tokens that end the answer, like those of `LLMInfo.endOfTurnIds`: reported, but not part of the text. Default none. */
  readonly stopIds?: readonly number[] | undefined;
  /** Goes on where the model would end its turn. Default false. */
  readonly ignoreEos?: boolean | undefined;
  /** Reports the log-probability of every token in the result; events of tokens have it anyway. Default false. */
  readonly logprobs?: boolean | undefined;
  /** Reports log-probabilities, and those of so many of the likeliest tokens at each place, 0 to 20. Default: as `logprobs`. */
  readonly topLogprobs?: number | undefined;
  /** Whether special tokens (role marks, the end of a turn) are left out of the text. Default true. */
  readonly skipSpecial?: boolean | undefined;
  /** Special tokens that are text all the same, as the vocabulary spells them. Default none. */
  readonly keepSpecial?: readonly string[] | undefined;
  /**
   * Who shares computed prompts with whom (`EngineOptions.prefixReuse`): requests of the same salt only, for a server whose users must
   * not learn from an answer's haste what others have asked. At most 256 characters. Default "".
   */
  readonly cacheSalt?: string | undefined;
  /** Lower comes first: answers of a higher number wait where there is not room for both. An integer; default 0. */
  readonly priority?: number | undefined;
  /** As in LoadOptions, for this answer. */
  readonly timeoutMs?: number | undefined;
  /** As in LoadOptions, for this answer. */
  readonly queueTimeoutMs?: number | undefined;
  /** Ends the answer where it is: its finish reason is then "cancelled". */
  readonly signal?: AbortSignal | undefined;
}

/** How a conversation becomes the text that the model was trained to continue. */
export interface TemplateOptions {
  /** A system message before all others. Default: what the template has by itself. */
  readonly system?: string | undefined;
  /** Tools as JSON schemas, in the form of the OpenAI API, for templates that know of them. Default none. */
  readonly tools?: readonly unknown[] | undefined;
  /** Further variables of the chat template (`enable_thinking`); they win over the special tokens. Default none. */
  readonly templateVariables?: Readonly<Record<string, unknown>> | undefined;
  /** The time that templates see which write a date. Default the clock. */
  readonly now?: Date | undefined;
  /** Whether the text ends where the model's turn begins. Default true; false with `continueFinalMessage`. */
  readonly addGenerationPrompt?: boolean | undefined;
  /** Whether the text ends within the last message, which the model goes on writing. Default false. */
  readonly continueFinalMessage?: boolean | undefined;
}

export interface ChatOptions extends GenerateOptions, TemplateOptions {}

/** What was asked for over what the model wants over what is off; the seed is random unless given. */
export function samplingParameters(options: GenerateOptions, defaults: SamplingChoices): SamplingParameters {
  const chosen: Record<string, unknown> = {};
  for (const name of Object.keys(greedySampling) as (keyof SamplingParameters)[]) {
    chosen[name] = options[name] ?? defaults[name] ?? (name === "seed" ? randomSeed() : greedySampling[name]);
  }
  return chosen as unknown as SamplingParameters;
}

/** 32 bits: short enough to be typed again. */
function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0];
}

export const mostStops = 64;
export const longestStop = 1024;

export function stopStrings({ stop = [] }: GenerateOptions): readonly string[] {
  const stops = typeof stop === "string" ? [stop] : stop;
  if (stops.length > mostStops)
    throw new RequestError(`stop holds ${stops.length} texts; at most ${mostStops} are accepted`, { option: "stop" });
  for (const text of stops) {
    if (typeof text !== "string" || text === "" || text.length > longestStop) {
      throw new RequestError(`stop: every text must have 1 to ${longestStop} characters`, { option: "stop" });
    }
  }
  return stops;
}

/** The conversation with `system` before it; a text is one message of the user's. */
export function conversationOf(
  messages: string | readonly ChatMessage[],
  system: string | undefined,
): readonly ChatMessage[] {
  const turns = typeof messages === "string" ? [{ role: "user", content: messages }] : messages;
  if (system === undefined) return turns;
  if (turns[0]?.role === "system") throw new RequestError("there is a system message and the option system; give one");
  return [{ role: "system", content: system }, ...turns];
}
