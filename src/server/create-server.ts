import { Hono } from "hono";
import { cors } from "hono/cors";
import { z, type ZodType } from "zod";
import type { LLM } from "../llm/llm.ts";
import { ApiError } from "./api-error.ts";
import { Authentication } from "./authentication.ts";
import { BodyReader } from "./body-reader.ts";
import { modelBody } from "./openai/model-body.ts";
import { chatCompletions, chatFields, chatRequest } from "./openai/chat-completions.ts";
import { completionFields, completionRequest, completions } from "./openai/completions.ts";
import { embeddingRequest, embeddings } from "./openai/embeddings.ts";
import { servePage, type PageFiles } from "./page.ts";
import { Load } from "./load.ts";
import { createResponse, responseFields, responseRequest } from "./openai/responses.ts";
import { countRequest, countTokens, createMessage, messagesFields, messagesRequest } from "./anthropic/messages.ts";
import { llamaProps } from "./llama/props.ts";
import {
  applyTemplate,
  detokenize,
  detokenizeRequest,
  templateRequest,
  tokenize,
  tokenizeRequest,
} from "./llama/text-routes.ts";
import { metricsText } from "./metrics.ts";
import { Hosts } from "./hosts.ts";
import { generate, generateAtRoot, generateFields, generateRequest, generateStream } from "./tgi/generate.ts";
import { tgiInfo } from "./tgi/info.ts";
import { wireError } from "./wire-error.ts";
import { observeRequests, type RequestRecord } from "./observe-requests.ts";
import { inClientWords, type OptionFields } from "./option-fields.ts";
import { readJson } from "./read-json.ts";
import type { LoadableModel } from "./served-model.ts";
import { ServedModels } from "./served-models.ts";

export interface ServerOptions {
  /**
   * By the names that clients have for them, at least one; the first answers requests that name none. An LLM is borrowed; others are
   * loaded and unloaded by `load`, `unload` and their routes, and closed with the server.
   */
  readonly models: ReadonlyMap<string, LLM | LoadableModel>;
  /** Who may ask: one of these keys must come with every request, but for /health. Default: everybody. */
  readonly apiKeys?: readonly string[] | undefined;
  /** Whether GET /metrics needs a key as everything else does: some scrapers have none to send. Default true. */
  readonly metricsNeedKey?: boolean | undefined;
  /**
   * Names by which the server may be called, as in a URL without the port; pages of other hosts may ask only where `corsOrigins` lets them.
   * Default: anybody may call.
   */
  readonly hosts?: readonly string[] | undefined;
  /** Bytes of a request's body. Default 16 MiB. */
  readonly maxBodyBytes?: number | undefined;
  /** How long a request's body may take, beside a second for every 64 KiB of it. Default 10,000. */
  readonly bodyTimeoutMs?: number | undefined;
  /** Requests that are under way at once, waiting ones included; more get status 429. Default 256. */
  readonly maxRequests?: number | undefined;
  /** Origins whose pages may ask, "*" for all of them. Default none: a browser lets no other page read the answers. */
  readonly corsOrigins?: readonly string[] | undefined;
  /** Told of every request when its status is known. */
  readonly onRequest?: ((record: RequestRecord) => void) | undefined;
  /** Served to browsers at GET /; absent: there is no page. */
  readonly page?: PageFiles | undefined;
  /** Told of what went wrong on our side. Default console.error. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** Answers HTTP requests as the OpenAI API does; mounts in any program that has web-standard Request and Response. */
export interface Server {
  readonly fetch: (request: Request) => Promise<Response>;
  /** Loads a model of the options by its name, if it is not loaded. Throws what its loading throws. */
  readonly load: (name: string) => Promise<void>;
  /** Unloads a model when its answers are finished. */
  readonly unload: (name: string) => Promise<void>;
  /** Takes no more requests, which get status 503, as does /health; settles when the answers that are under way are out. */
  readonly drain: () => Promise<void>;
  /** Ends all answers, and closes the models that were loaded here. */
  readonly close: () => Promise<void>;
}

const modelRequest = z.object({ model: z.string() });

export function createServer(options: ServerOptions): Server {
  const { apiKeys = [], maxBodyBytes = 2 ** 24, maxRequests = 256, onError = console.error } = options;
  const models = new ServedModels(options.models);
  const authentication = new Authentication(apiKeys);
  const load = new Load(maxRequests);
  const bodies = new BodyReader({ maxBytes: maxBodyBytes, timeoutMs: options.bodyTimeoutMs });
  const app = new Hono({ strict: false }); // a slash at the end of a path is nobody's mistake
  observeRequests(app, options.onRequest);
  const { corsOrigins = [] } = options;
  if (corsOrigins.length > 0)
    app.use(
      cors({
        origin: corsOrigins.includes("*") ? "*" : [...corsOrigins],
        exposeHeaders: ["x-request-id", "retry-after"],
      }),
    );

  const hosts = new Hosts(options.hosts, corsOrigins);
  app.use(async (context, next) => {
    hosts.check(context.req.raw);
    await next();
  });

  app.get("/health", (context) => {
    // Without a reason, which may tell of paths and processes: whoever asks need not have a key.
    const isReady = models.areReady && !load.isDraining;
    return isReady ? context.json({ status: "ok" }) : context.json({ status: "unavailable" }, 503);
  });

  if (options.page !== undefined) servePage(app, options.page);

  const { metricsNeedKey = true } = options;
  app.use(async (context, next) => {
    if (metricsNeedKey || context.req.path !== "/metrics") await authentication.check(context.req.raw.headers);
    await next();
  });

  const body = (name: string): object => modelBody(models.find(name), models.created);
  app.get("/v1/models", (context) => context.json({ object: "list", data: models.names.map(body) }));
  app.get("/v1/models/:name{.+}", (context) => context.json(body(context.req.param("name"))));

  app.get("/v1/stats", async (context) => context.json({ models: await models.stats() }));

  const answers = <Body extends { readonly model?: string | null | undefined }>(
    path: string,
    schema: ZodType<Body>,
    answer: (llm: LLM, name: string, body: Body, signal: AbortSignal) => Response | Promise<Response>,
    fields: OptionFields = {},
  ): void => {
    app.post(path, async (context) => {
      const request = context.req.raw;
      load.requireRoom();
      // Before it is admitted: the places are for answers, and a body may be long in coming.
      const body = await readJson(request, schema, bodies);
      return load.admit(async () => {
        const { llm, name } = models.find(body.model);
        try {
          return await answer(llm, name, body, request.signal);
        } catch (error) {
          throw inClientWords(error, fields, body);
        }
      });
    });
  };
  answers("/v1/chat/completions", chatRequest, chatCompletions, chatFields);
  answers("/v1/completions", completionRequest, completions, completionFields);
  answers("/v1/embeddings", embeddingRequest, embeddings, { promptIds: "input" });
  answers("/v1/responses", responseRequest, createResponse, responseFields);
  answers("/v1/messages", messagesRequest, createMessage, messagesFields);
  answers("/v1/messages/count_tokens", countRequest, countTokens, messagesFields);
  answers("/generate", generateRequest, generate, generateFields);
  answers("/", generateRequest, generateAtRoot, generateFields);
  answers("/generate_stream", generateRequest, generateStream, generateFields);
  answers("/tokenize", tokenizeRequest, tokenize);
  answers("/detokenize", detokenizeRequest, detokenize);
  answers("/apply-template", templateRequest, applyTemplate, chatFields);

  app.get("/info", (context) => context.json(tgiInfo(models.find(null), maxRequests)));
  app.get("/props", (context) => context.json(llamaProps(models.find(null), models.names.length)));
  app.get("/metrics", async (context) =>
    context.text(await metricsText(new Map(models.names.map((name) => [name, models.find(name).llm]))), 200, {
      "content-type": "text/plain; version=0.0.4; charset=utf-8",
    }),
  );

  // llama-server has these two below /models.
  const changes = (path: string, change: (name: string) => Promise<void>): void => {
    for (const prefix of ["/v1", "/models"])
      app.post(`${prefix}${path}`, async (context) => {
        const { model } = await readJson(context.req.raw, modelRequest, bodies);
        await change(model);
        return context.json({ success: true, model, status: models.named(model).state });
      });
  };
  const loadModel = (name: string): Promise<void> => models.named(name).load();
  const unloadModel = (name: string): Promise<void> => models.named(name).unload();
  changes("/load", loadModel);
  changes("/unload", unloadModel);

  const methodsOf = (path: string): readonly string[] =>
    app.routes.filter((route) => route.method !== "ALL" && route.path === path).map(({ method }) => method);
  app.notFound((context) => {
    const { method, path } = context.req;
    const methods = methodsOf(path);
    if (methods.length > 0) {
      context.header("allow", methods.join(", "));
      throw new ApiError(405, "invalid_request_error", `${path} takes ${methods.join(", ")}, not ${method}`);
    }
    const hint = methodsOf(`/v1${path}`).length > 0 ? `; it is at /v1${path}` : "";
    throw new ApiError(404, "invalid_request_error", `there is no ${method} ${path}${hint}`, { code: "unknown_url" });
  });
  app.onError((error, context) => {
    const { status, body } = wireError(context.req.path, error);
    // An ApiError is what the server has chosen to say.
    if (status >= 500 && !(error instanceof ApiError)) onError(error);
    const headers = status === 429 || status === 503 ? { "retry-after": "1" } : undefined;
    return context.json(body, status, headers);
  });
  return {
    fetch: async (request) => app.fetch(request),
    load: async (name) => loadModel(name),
    unload: async (name) => unloadModel(name),
    drain: () => load.drain(),
    close: () => models.close(),
  };
}
