import { request as requestHttp, type IncomingMessage } from "node:http";
import { request as requestHttps } from "node:https";
import { EventStreamParser } from "../../util/server-sent-events.ts";
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

/** Of the body of a refusal. */
const longestReason = 300;

/**
 * Sends a request, and times its stream. Throws nothing: what goes wrong is an outcome; an abort too.
 *
 * With node:http, not fetch, whose streams cost three times the time for every token: time of processors that, where the server runs on the
 * same machine, are the server's.
 */
export async function timedRequest(
  target: BenchTarget,
  prompt: BenchPrompt,
  signal: AbortSignal,
): Promise<RequestOutcome> {
  const start = performance.now();
  try {
    const response = await send(target, JSON.stringify(bodyOf(target, prompt)), signal);
    const status = response.statusCode ?? 0;
    if (status < 200 || status >= 300) return { ok: false, error: `status ${status}: ${await reasonIn(response)}` };
    const pieceTimes: number[] = [];
    let usage: Usage | undefined;
    let error: string | undefined;
    const parser = new EventStreamParser();
    response.on("data", (bytes: Uint8Array) => {
      const now = performance.now() - start;
      try {
        for (const data of parser.push(bytes)) {
          if (data === "[DONE]") continue;
          const chunk = JSON.parse(data) as Chunk;
          error ??= chunk.error?.message;
          if (hasText(chunk)) pieceTimes.push(now);
          usage = chunk.usage ?? usage;
        }
      } catch (cause) {
        response.destroy(cause as Error);
      }
    });
    await ended(response);
    if (error !== undefined) return { ok: false, error };
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

/** Every request has a connection of its own, as every user has. */
function send({ url, apiKey }: BenchTarget, body: string, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = url.startsWith("https:") ? requestHttps : requestHttp;
    const headers = {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body),
      ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
    };
    request(url, { method: "POST", headers, signal, agent: false })
      .on("response", resolve)
      .on("error", reject)
      .end(body);
  });
}

/** Settles with the stream's last byte; throws where there is none. */
function ended(response: IncomingMessage): Promise<void> {
  return new Promise((resolve, reject) => {
    response.on("end", resolve).on("error", reject);
  });
}

async function reasonIn(response: IncomingMessage): Promise<string> {
  let text = "";
  for await (const piece of response.setEncoding("utf8")) if (text.length < longestReason) text += String(piece);
  return text.slice(0, longestReason);
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

/** Of several addresses that all refuse, node:http gives a code alone. */
function reasonOf(error: unknown): string {
  return error instanceof Error
    ? error.message || ((error as NodeJS.ErrnoException).code ?? error.name)
    : String(error);
}
