import { answered, type Message } from "./conversation.ts";
import { serverSentEvents } from "../util/server-sent-events.ts";
import type { Settings } from "./settings.ts";

/** A model that the server answers with. */
export interface ServedModel {
  readonly id: string;
  /** What the server says of it: its format, its size, where it runs. */
  readonly facts: Readonly<Record<string, string | number>>;
}

/** A piece of an answer. */
export type ChatPiece =
  | { readonly type: "text" | "reasoning"; readonly text: string }
  | { readonly type: "end"; readonly reason: string }
  | { readonly type: "usage"; readonly tokens: number };

/** The server refused, or said something that is not its API. */
export class ServerError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The routes of the server that this page came from: relative, so that it may be mounted anywhere. */
export class ChatApi {
  /** Sent with every request when it is not empty. */
  key = "";

  /** Throws ServerError. */
  async models(): Promise<readonly ServedModel[]> {
    const response = await this.#fetch("v1/models");
    const { data } = (await response.json()) as { data: readonly { id: string; meta?: ServedModel["facts"] }[] };
    return data.map(({ id, meta = {} }) => ({ id, facts: meta }));
  }

  /** Streams the answer to a conversation. Throws ServerError, also in the middle, and what fetch throws when `signal` fires. */
  async *chat(
    model: string,
    messages: readonly Message[],
    settings: Settings,
    signal: AbortSignal,
  ): AsyncGenerator<ChatPiece> {
    const system = settings.system.trim();
    const body = {
      ...(model !== "" && { model }), // a server without it takes its first
      messages: [
        ...(system === "" ? [] : [{ role: "system", content: system }]),
        ...answered(messages).map(({ role, content }) => ({ role, content })),
      ],
      stream: true,
      stream_options: { include_usage: true },
      temperature: settings.temperature,
      top_p: settings.topP,
      top_k: settings.topK,
      min_p: settings.minP,
      repetition_penalty: settings.repetitionPenalty,
      max_tokens: settings.maxTokens,
      seed: settings.seed,
    };
    const headers = { "content-type": "application/json" };
    const response = await this.#fetch("v1/chat/completions", {
      method: "POST",
      headers,
      body: JSON.stringify(body),
      signal,
    });
    if (response.body === null) throw new ServerError(response.status, "the server sent no answer");
    try {
      for await (const data of serverSentEvents(response.body)) {
        if (data === "[DONE]") return;
        yield* pieces(JSON.parse(data) as Chunk);
      }
    } catch (error) {
      // What browsers say of it is "network error" or less.
      if (!(error instanceof TypeError)) throw error;
    }
    throw new ServerError(response.status, "The connection to the server ended in the middle of the answer.");
  }

  async #fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (this.key !== "") headers.set("authorization", `Bearer ${this.key}`);
    const response = await fetch(path, { ...init, headers }).catch((error: unknown) => {
      throw error instanceof TypeError ? new ServerError(0, "The server cannot be reached.") : error;
    });
    if (response.ok) return response;
    const said = await response.text();
    throw new ServerError(response.status, errorMessage(said) ?? `the server answered with status ${response.status}`);
  }
}

/** As much of a chat.completion.chunk as is used here. */
interface Chunk {
  readonly choices?: readonly {
    readonly delta?: { readonly content?: string | null; readonly reasoning_content?: string | null };
    readonly finish_reason?: string | null;
  }[];
  readonly usage?: { readonly completion_tokens: number } | null;
  readonly error?: { readonly message: string };
}

function* pieces({ choices = [], usage, error }: Chunk): Generator<ChatPiece> {
  if (error !== undefined) throw new ServerError(500, error.message);
  for (const { delta, finish_reason: reason } of choices) {
    if (delta?.reasoning_content) yield { type: "reasoning", text: delta.reasoning_content };
    if (delta?.content) yield { type: "text", text: delta.content };
    if (reason != null) yield { type: "end", reason };
  }
  if (usage != null) yield { type: "usage", tokens: usage.completion_tokens };
}

function errorMessage(body: string): string | undefined {
  try {
    return (JSON.parse(body) as { error?: { message?: string } }).error?.message;
  } catch {
    return undefined;
  }
}
