import { greedySampling, type SamplingParameters } from "../device/sampling.ts";
import type { ChatMessage } from "../text/chat-message.ts";
import { RequestError } from "../util/errors.ts";
import type { SamplingChoices } from "./sampling-defaults.ts";

/**
 * How to continue a prompt. Sampling parameters that are left out are the model's own (generation_config.json), or else
 * temperature 0.7 and top-p 0.95.
 */
export interface GenerateOptions extends SamplingChoices {
  /** Absent: as many as the context holds. */
  readonly maxTokens?: number | undefined;
  /** Texts that end the answer; they are not part of it. At most 64, of at most 1,024 characters. */
  readonly stop?: string | readonly string[] | undefined;
  /** Goes on where the model would end. */
  readonly ignoreEos?: boolean | undefined;
  /** Reports log-probabilities, and those of so many of the likeliest tokens at each place (0 to 20). */
  readonly topLogprobs?: number | undefined;
  /** Ends the answer where it is: its finish reason is then "cancelled". */
  readonly signal?: AbortSignal | undefined;
}

export interface ChatOptions extends GenerateOptions {
  /** A system message before all others. */
  readonly system?: string | undefined;
  /** Tools as JSON schemas, in the form of the OpenAI API, for templates that know of them. */
  readonly tools?: readonly unknown[] | undefined;
  /** Further variables of the chat template (`enable_thinking`). */
  readonly templateVariables?: Readonly<Record<string, unknown>> | undefined;
}

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
    throw new RequestError(`stop holds ${stops.length} texts; at most ${mostStops} are accepted`);
  for (const text of stops) {
    if (typeof text !== "string" || text === "" || text.length > longestStop) {
      throw new RequestError(`stop: every text must have 1 to ${longestStop} characters`);
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
