import { Hono } from "hono";
import type { ZodType } from "zod";
import type { LLM } from "../llm/llm.ts";
import { ApiError, apiErrorOf } from "./api-error.ts";
import { Authentication } from "./authentication.ts";
import { modelBody } from "./openai/model-body.ts";
import { chatCompletions, chatRequest } from "./openai/chat-completions.ts";
import { completionRequest, completions } from "./openai/completions.ts";
import { embeddingRequest, embeddings } from "./openai/embeddings.ts";
import { servePage, type PageFiles } from "./page.ts";
import { readJson } from "./read-json.ts";
import { ServedModels } from "./served-models.ts";

export interface ServerOptions {
  /** By the names that clients have for them, at least one; the first answers requests that name none. Borrowed. */
  readonly models: ReadonlyMap<string, LLM>;
  /** Who may ask: one of these keys must come with every request, but for /health. Default: everybody. */
  readonly apiKeys?: readonly string[] | undefined;
  /** Bytes of a request's body. Default 8 MiB. */
  readonly maxBodyBytes?: number | undefined;
  /** Requests that are under way at once, waiting ones included; more get status 429. Default 256. */
  readonly maxRequests?: number | undefined;
  /** Served to browsers at GET /; absent: there is no page. */
  readonly page?: PageFiles | undefined;
  /** Told of what went wrong on our side. Default console.error. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** Answers HTTP requests as the OpenAI API does; mounts in any program that has web-standard Request and Response. */
export interface Server {
  readonly fetch: (request: Request) => Promise<Response>;
}

export function createServer(options: ServerOptions): Server {
  const { apiKeys = [], maxBodyBytes = 2 ** 23, maxRequests = 256, onError = console.error } = options;
  const models = new ServedModels(options.models);
  const authentication = new Authentication(apiKeys);
  const load = new Load(maxRequests);
  const app = new Hono();

  app.get("/health", (context) => {
    // Without a reason, which may tell of paths and processes: whoever asks need not have a key.
    return models.areReady ? context.json({ status: "ok" }) : context.json({ status: "unavailable" }, 503);
  });

  if (options.page !== undefined) servePage(app, options.page);

  app.use(async (context, next) => {
    await authentication.check(context.req.raw.headers);
    await next();
  });

  const body = (name: string): object => modelBody(models.find(name), models.created);
  app.get("/v1/models", (context) => context.json({ object: "list", data: models.names.map(body) }));
  app.get("/v1/models/:name{.+}", (context) => context.json(body(context.req.param("name"))));

  const answers = <Body extends { readonly model?: string | null | undefined }>(
    path: string,
    schema: ZodType<Body>,
    answer: (llm: LLM, name: string, body: Body, signal: AbortSignal) => Promise<Response>,
  ): void => {
    app.post(path, (context) =>
      load.admit(async () => {
        const request = context.req.raw;
        const body = await readJson(request, schema, maxBodyBytes);
        const { llm, name } = models.find(body.model);
        return answer(llm, name, body, request.signal);
      }),
    );
  };
  answers("/v1/chat/completions", chatRequest, chatCompletions);
  answers("/v1/completions", completionRequest, completions);
  answers("/v1/embeddings", embeddingRequest, embeddings);

  app.notFound((context) => {
    const { method, path } = context.req;
    throw new ApiError(404, "invalid_request_error", `there is no ${method} ${path}`, { code: "unknown_url" });
  });
  app.onError((error, context) => {
    const { status, body } = apiErrorOf(error);
    if (status >= 500) onError(error);
    const headers = status === 429 || status === 503 ? { "retry-after": "1" } : undefined;
    return context.json(body, status, headers);
  });
  return { fetch: async (request) => app.fetch(request) };
}

/** How many requests are under way: until the last byte of their answer is out. */
class Load {
  readonly #most: number;
  #count = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** Throws ApiError 429 when there are as many as may be. */
  async admit(answer: () => Promise<Response>): Promise<Response> {
    if (this.#count >= this.#most) {
      throw new ApiError(429, "rate_limit_error", `${this.#count} requests are under way, and no more are taken`);
    }
    this.#count++;
    let left = false;
    const leave = (): void => {
      if (!left) this.#count--;
      left = true;
    };
    try {
      const response = await answer();
      if (response.body === null) {
        leave();
        return response;
      }
      return new Response(watchEnd(response.body, leave), response);
    } catch (error) {
      leave();
      throw error;
    }
  }
}

/** The same bytes; `ended` is called when they are all read, or nobody wants them any more. */
function watchEnd(body: ReadableStream<Uint8Array>, ended: () => void): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (!done) controller.enqueue(value);
        else {
          ended();
          controller.close();
        }
      } catch (error) {
        ended();
        controller.error(error);
      }
    },
    async cancel(reason) {
      ended();
      await reader.cancel(reason);
    },
  });
}
