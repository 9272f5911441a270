import { serverSentEvents } from "../../util/server-sent-events.ts";
import type { BenchPrompt } from "./prompts.ts";

/** A server that speaks the OpenAI API. */
export interface BenchTarget {
  /** Of the route: "http://127.0.0.1:8000/v1/completions". */
  readonly url: string;
  readonly isChat: boolean;
  readonly model: string;
  readonly apiKey: string | undefined;
  /** Sent with every request besides: sampling parameters, ignore_eos. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** What one request came to. Times are milliseconds from when it was sent. */
export type RequestOutcome =
  | {
      readonly ok: true;
      readonly promptTokens: number;
      readonly completionTokens: number;
      /** When each piece of text came: nearly always a token. */
      readonly pieceTimes: readonly number[];
      /** When the stream ended. */
      readonly endMs: number;
    }
  | { readonly ok: false; readonly error: string };

/** Sends a request, and times its stream. Throws nothing: what goes wrong is an outcome; an abort too. */
export async function timedRequest(
  target: BenchTarget,
  prompt: BenchPrompt,
  signal: AbortSignal,
): Promise<RequestOutcome> {
  const start = performance.now();
  try {
    const response = await fetch(target.url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(target.apiKey !== undefined && { authorization: `Bearer ${target.apiKey}` }),
      },
      body: JSON.stringify(bodyOf(target, prompt)),
      signal,
    });
    if (!response.ok || response.body === null)
      return { ok: false, error: `status ${response.status}: ${(await response.text()).slice(0, 300)}` };
    const pieceTimes: number[] = [];
    let usage: Usage | undefined;
    for await (const data of serverSentEvents(response.body)) {
      if (data === "[DONE]") continue;
      const chunk = JSON.parse(data) as Chunk;
      if (chunk.error !== undefined) return { ok: false, error: chunk.error.message };
      if (hasText(chunk)) pieceTimes.push(performance.now() - start);
      usage = chunk.usage ?? usage;
    }
    if (pieceTimes.length === 0 && usage === undefined) return { ok: false, error: "the stream held nothing" };
    return {
      ok: true,
      promptTokens: usage?.prompt_tokens ?? (Array.isArray(prompt.prompt) ? prompt.prompt.length : 0),
      completionTokens: usage?.completion_tokens ?? pieceTimes.length,
      pieceTimes,
      endMs: performance.now() - start,
    };
  } catch (error) {
    return { ok: false, error: reasonOf(error) };
  }
}

function bodyOf({ isChat, model, fields }: BenchTarget, { prompt, maxTokens }: BenchPrompt): object {
  const asked = isChat ? { messages: [{ role: "user", content: prompt }] } : { prompt };
  return { model, ...asked, max_tokens: maxTokens, stream: true, stream_options: { include_usage: true }, ...fields };
}

interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
}

/** As much of a chunk as is used here, of either route. */
interface Chunk {
  readonly choices?: readonly {
    readonly text?: string | null;
    readonly delta?: { readonly content?: string | null; readonly reasoning_content?: string | null };
  }[];
  readonly usage?: Usage | null;
  readonly error?: { readonly message: string };
}

function hasText({ choices = [] }: Chunk): boolean {
  return choices.some(({ text, delta }) => Boolean(text ?? delta?.content ?? delta?.reasoning_content));
}

/** fetch says "fetch failed", and keeps why to itself. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  return cause instanceof Error
    ? `${error.message}: ${cause.message || (cause as NodeJS.ErrnoException).code}`
    : error.message;
}
