import { afterAll, describe, expect, test } from "vitest";
import { expected, textOf, tinyModel } from "../../test/support/tiny-model.ts";
import { createReferenceBackend } from "../backends/reference/reference-backend.ts";
import { loadLLM } from "../llm/load-llm.ts";
import { createServer, type ServerOptions } from "./create-server.ts";

const host = { backends: [createReferenceBackend()], locate: () => Promise.resolve(undefined) };
const llm = await loadLLM(host, tinyModel());
afterAll(() => llm.close());

const { prompt_ids: promptIds, greedy_ids: greedyIds } = expected;
const greedy = { temperature: 0, ignore_eos: true };

function serverOf(options: Partial<ServerOptions> = {}) {
  const server = createServer({ models: new Map([["tiny", llm]]), ...options });
  const post = (
    path: string,
    body: unknown,
    init: RequestInit & { readonly headers?: Record<string, string> } = {},
  ): Promise<Response> =>
    server.fetch(
      new Request(`http://test${path}`, {
        method: "POST",
        body: typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body),
        ...init,
        headers: { "content-type": "application/json", ...init.headers },
      }),
    );
  const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
    server.fetch(new Request(`http://test${path}`, { headers }));
  return { post, get };
}

interface Chunk {
  readonly choices: readonly {
    readonly index: number;
    readonly text: string;
    readonly finish_reason: string | null;
  }[];
  readonly usage?: object;
}

interface MessageUsage {
  readonly input_tokens: number;
  readonly cache_read_input_tokens?: number;
}

interface MessageEvent {
  readonly message?: { readonly usage: MessageUsage };
  readonly usage?: MessageUsage;
}

/** The values of a stream, which must end as OpenAI's do. */
async function chunksOf(response: Response): Promise<readonly Chunk[]> {
  expect(response.headers.get("content-type")).toMatch("text/event-stream");
  const events = (await response.text()).split("\n\n").filter((event) => event.startsWith("data: "));
  expect(events.pop()).toBe("data: [DONE]");
  return events.map((event) => JSON.parse(event.slice("data: ".length)) as Chunk);
}

describe("/v1/completions", () => {
  const { post } = serverOf();

  test("continues token ids", async () => {
    const response = await post("/v1/completions", { prompt: promptIds, max_tokens: 8, ...greedy });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      object: "text_completion",
      model: "tiny",
      choices: [{ index: 0, text: textOf(greedyIds.slice(0, 8)), finish_reason: "length", logprobs: null }],
      usage: { prompt_tokens: promptIds.length, completion_tokens: 8, total_tokens: promptIds.length + 8 },
    });
  });

  test("several prompts, several answers each, with what was asked before them", async () => {
    const text = textOf(promptIds);
    const response = await post("/v1/completions", {
      prompt: [text, text],
      n: 2,
      echo: true,
      max_tokens: 3,
      ...greedy,
    });
    const { choices } = (await response.json()) as Chunk;
    const answer = text + textOf(greedyIds.slice(0, 3));
    expect(choices.map((choice) => choice.text)).toEqual([answer, answer, answer, answer]);
  });

  test("a stream says the same, in the end how much it was", async () => {
    const body = { prompt: promptIds, max_tokens: 5, stream: true, stream_options: { include_usage: true }, ...greedy };
    const chunks = await chunksOf(await post("/v1/completions", body));
    const text = chunks.flatMap(({ choices }) => choices.map((choice) => choice.text)).join("");
    expect(text).toBe(textOf(greedyIds.slice(0, 5)));
    expect(chunks.at(-2)?.choices[0]?.finish_reason).toBe("length");
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 5 } });
  });

  test("log-probabilities in columns", async () => {
    const response = await post("/v1/completions", { prompt: promptIds, max_tokens: 2, logprobs: 2, ...greedy });
    const { choices } = (await response.json()) as { readonly choices: readonly { readonly logprobs: object }[] };
    expect(choices[0]?.logprobs).toMatchObject({
      tokens: greedyIds.slice(0, 2).map((id) => textOf([id])),
      token_logprobs: [expect.any(Number), expect.any(Number)],
      text_offset: [0, 1],
    });
  });

  test("who hangs up ends the answer", async () => {
    const response = await post("/v1/completions", { prompt: promptIds, max_tokens: 400, stream: true, ...greedy });
    const reader = response.body?.getReader();
    await reader?.read();
    await reader?.cancel();
    await expect.poll(async () => (await llm.stats()).running).toBe(0);
  });
});

test("a chat goes by the model's template", async () => {
  const body = { messages: [{ role: "user", content: textOf(promptIds) }], max_completion_tokens: 4, ...greedy };
  const response = await serverOf().post("/v1/chat/completions", { ...body, logprobs: true, top_logprobs: 1 });
  const { result } = llm.chat(textOf(promptIds), { temperature: 0, ignoreEos: true, maxTokens: 4 });
  expect(await response.json()).toMatchObject({
    object: "chat.completion",
    choices: [{ message: { role: "assistant", content: (await result).text }, finish_reason: "length" }],
    usage: { prompt_tokens: promptIds.length + 1 },
  });
});

test("the last message is gone on with", async () => {
  const messages = [{ role: "user", content: [{ type: "text", text: textOf(promptIds) }] }];
  const body = { messages, continue_final_message: true, add_generation_prompt: false, max_tokens: 3, ...greedy };
  const response = await serverOf().post("/v1/chat/completions", body);
  const { result } = llm.generate([1, ...promptIds], { temperature: 0, ignoreEos: true, maxTokens: 3 });
  expect(await response.json()).toMatchObject({ choices: [{ message: { content: (await result).text } }] });
});

test("an answer does not end before its least length, whether by a token or by a text", async () => {
  const stop = { stop_token_ids: [greedyIds[0]], stop: textOf([greedyIds[1]]) };
  const answer = async (rest: object): Promise<string> => {
    const response = await serverOf().post("/v1/completions", {
      prompt: promptIds,
      max_tokens: 6,
      ...stop,
      ...greedy,
      ...rest,
    });
    return ((await response.json()) as Chunk).choices[0].text;
  };
  expect(await answer({})).toBe("");
  expect((await answer({ min_tokens: 4 })).length).toBeGreaterThanOrEqual(4);
});

test("a model without a template refuses a chat, with a status also where a stream was wanted", async () => {
  await using bare = await loadLLM(host, tinyModel({ without: ["tokenizer_config.json"] }));
  const { post } = serverOf({ models: new Map([["bare", bare]]) });
  const response = await post("/v1/chat/completions", { messages: [{ role: "user", content: "a" }], stream: true });
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ error: { type: "invalid_request_error" } });
});

describe("/v1/embeddings", () => {
  const { post } = serverOf();

  test("texts and token ids, as numbers and as bytes", async () => {
    const values = async (body: object): Promise<readonly (readonly number[] | string)[]> => {
      const response = await post("/v1/embeddings", body);
      const { data } = (await response.json()) as {
        readonly data: readonly { readonly embedding: number[] | string }[];
      };
      return data.map(({ embedding }) => embedding);
    };
    const [numbers] = await values({ input: textOf(promptIds) });
    expect(Math.hypot(...(numbers as readonly number[]))).toBeCloseTo(1, 5);
    expect(await values({ input: [promptIds, promptIds] })).toEqual([numbers, numbers]);
    const [bytes] = await values({ input: promptIds, encoding_format: "base64" });
    expect(Array.from(new Float32Array(Uint8Array.from(Buffer.from(bytes as string, "base64")).buffer))).toEqual(
      numbers,
    );
    const [short] = await values({ input: promptIds, dimensions: 4 });
    expect(short).toHaveLength(4);
    expect(Math.hypot(...(short as readonly number[]))).toBeCloseTo(1, 5);
  });

  test("usage, and what cannot be", async () => {
    const response = await post("/v1/embeddings", { input: [textOf(promptIds), textOf([7])] });
    expect(await response.json()).toMatchObject({
      object: "list",
      usage: { prompt_tokens: expect.any(Number) as number },
    });
    for (const body of [
      { input: "" },
      { input: [] },
      { input: promptIds, dimensions: 1e6 },
      { input: promptIds, encoding_format: "int8" },
    ])
      expect((await post("/v1/embeddings", body)).status).toBe(400);
  });
});

describe("what is wrong with a request is said in OpenAI's form", () => {
  test("more values than are parsed", async () => {
    const response = await serverOf({}).post("/v1/completions", { prompt: Array<number>(2 ** 18).fill(1) });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { message: "the body holds more than 262144 values" } });
  });

  const { post, get } = serverOf({ maxBodyBytes: 2000 });
  test.each<readonly [string, () => Promise<Response>, number, object]>([
    ["no JSON", () => post("/v1/completions", "{"), 400, { message: "the body is not valid JSON in UTF-8" }],
    ["no UTF-8", () => post("/v1/completions", new Uint8Array([0x22, 0xff, 0x22])), 400, { message: "the body is not valid JSON in UTF-8" }], // prettier-ignore
    ["no prompt", () => post("/v1/completions", {}), 400, { param: "prompt", message: "prompt is missing" }],
    ["no schema", () => post("/v1/chat/completions", { messages: [{ role: "user", content: "a" }], response_format: { type: "json_schema" } }), 400, { message: "response_format.json_schema is missing" }], // prettier-ignore
    ["log-probabilities of others alone", () => post("/v1/chat/completions", { messages: [{ role: "user", content: "a" }], top_logprobs: 2 }), 400, { param: "top_logprobs" }], // prettier-ignore
    ["tokens that there are not", () => post("/detokenize", { tokens: [1, 1e6] }), 400, { message: expect.stringContaining("tokens[1] is 1000000") as string }], // prettier-ignore
    ["a compressed body", () => post("/v1/completions", { prompt: "a" }, { headers: { "content-encoding": "gzip" } }), 415, { message: expect.stringContaining("gzip") as string }], // prettier-ignore
    ["a wrong field", () => post("/v1/completions", { prompt: "a", n: 0 }), 400, { param: "n" }],
    ["a wrong value", () => post("/v1/completions", { prompt: "a", temperature: -1 }), 400, { code: null }],
    ["an empty chat", () => post("/v1/chat/completions", { messages: [] }), 400, { param: "messages" }],
    ["another model", () => post("/v1/completions", { prompt: "a", model: "x" }), 404, { code: "model_not_found" }],
    [
      "too long a prompt",
      () => post("/v1/completions", { prompt: Array.from({ length: 600 }, () => 1) }),
      400,
      { code: "context_length_exceeded" },
    ],
    ["too large a body", () => post("/v1/completions", { prompt: "a".repeat(3000) }), 413, {}],
    ["an absurd number of answers", () => post("/v1/completions", { prompt: "a", n: 1e9 }), 400, { param: "n" }],
    ["answers to choose from", () => post("/v1/completions", { prompt: "a", best_of: 2 }), 400, { param: "best_of" }],
    ["a gap to fill", () => post("/v1/completions", { prompt: "a", suffix: "b" }), 400, { param: "suffix" }],
    ["too many stop texts", () => post("/v1/completions", { prompt: "a", stop: Array(200).fill("b") }), 400, { param: "stop", message: expect.stringContaining("<=64") as string }], // prettier-ignore
    ["an empty stop text", () => post("/v1/completions", { prompt: "a", stop: ["b", ""] }), 400, { param: "stop.1" }],
    ["an image", () => post("/v1/chat/completions", { messages: [{ role: "user", content: [{ type: "image_url" }] }] }), 400, { param: "messages.0.content.0" }], // prettier-ignore
    ["deep JSON", () => post("/v1/completions", "[".repeat(1000)), 400, { message: expect.stringContaining("deep") as string }], // prettier-ignore
    ["a form", () => post("/v1/completions", "prompt=a", { headers: { "content-type": "application/x-www-form-urlencoded" } }), 415, {}], // prettier-ignore
    ["JSON that says it is text", () => post("/v1/completions", { prompt: "a" }, { headers: { "content-type": "text/plain" } }), 415, {}], // prettier-ignore
    ["JSON of no type", () => post("/v1/completions", { prompt: "a" }, { headers: { "content-type": "" } }), 415, {}],
    ["a message without content", () => post("/v1/chat/completions", { messages: [{ role: "user" }] }), 400, { param: "messages.0.content", message: "messages.0.content is missing" }], // prettier-ignore
    ["another path", () => get("/v1/nothing"), 404, { code: "unknown_url" }],
    ["a path without its beginning", () => post("/completions", {}), 404, { message: expect.stringContaining("it is at /v1/completions") as string }], // prettier-ignore
    ["a form that answers cannot have", () => post("/v1/chat/completions", { messages: [{ role: "user", content: "a" }], response_format: { type: "xml" } }), 400, { param: "response_format.type" }], // prettier-ignore
  ])("%s", async (_, send, status, error) => {
    const response = await send();
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ error: { message: expect.any(String) as string, ...error } });
  });
});

test("a path tells which methods it has, and a slash behind it changes nothing", async () => {
  const { get, post } = serverOf();
  const refused = await get("/v1/completions/");
  expect([refused.status, refused.headers.get("allow")]).toEqual([405, "POST"]);
  expect(await refused.json()).toMatchObject({ error: { message: "/v1/completions takes POST, not GET" } });
  expect((await post("/v1/models", {})).headers.get("allow")).toBe("GET");
  expect((await post("/v1/completions/", { prompt: promptIds, max_tokens: 1 })).status).toBe(200);
});

describe("what is wrong has the name that the client gave it", () => {
  const { post } = serverOf();
  const chat = { messages: [{ role: "user", content: "a" }] };
  const choice = { tools: [{ type: "function", function: { name: "f" } }], tool_choice: { type: "function", function: { name: "g" } } }; // prettier-ignore
  test.each<readonly [string, object, string, string]>([
    ["/v1/completions", { prompt: [1], top_k: -5 }, "top_k", "top_k is -5; it must be"],
    ["/v1/completions", { prompt: [1], logit_bias: { 99999: 1 } }, "logit_bias", "logit_bias's token is 99999"],
    ["/v1/completions", { prompt: [1], logit_bias: { x: 1 } }, "logit_bias.x", "keys are token ids"],
    ["/v1/completions", { prompt: [1], stop_token_ids: [1, 99999] }, "stop_token_ids", "stop_token_ids[1] is 99999"],
    ["/v1/completions", { prompt: [0, 99999] }, "prompt", "prompt[1] is 99999"],
    ["/v1/completions", { prompt: [1], min_tokens: 9, max_tokens: 2 }, "min_tokens", "min_tokens is 9"],
    ["/v1/completions", { prompt: [1], cache_salt: "a".repeat(300) }, "cache_salt", "cache_salt is"],
    ["/v1/completions", { prompt: [1], guided_regex: "(" }, "guided_regex", ""],
    ["/v1/completions", { prompt: Array(600).fill(1), stream: true }, "prompt", "the prompt has 600 tokens"],
    ["/v1/chat/completions", { ...chat, min_p: 2, stream: true }, "min_p", "min_p is 2"],
    ["/v1/chat/completions", { ...chat, repetition_penalty: 0 }, "repetition_penalty", "repetition_penalty is 0"],
    ["/v1/chat/completions", { ...chat, ...choice }, "tool_choice", "tool_choice names a tool"],
    ["/v1/chat/completions", { ...chat, response_format: { type: "json_schema", json_schema: { schema: { type: "x" } } } }, "response_format", ""], // prettier-ignore
    ["/v1/responses", { input: textOf(promptIds), top_p: 3 }, "top_p", "top_p is 3"],
    ["/v1/embeddings", { input: [1], dimensions: 1e6 }, "dimensions", "dimensions is 1000000"],
    ["/v1/embeddings", { input: [99999] }, "input", "input[0] is 99999"],
  ])("%s %j", async (path, body, param, message) => {
    const response = await post(path, body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      error: { param, message: expect.stringContaining(message) as string },
    });
  });

  test("in the forms of other APIs", async () => {
    const anthropic = await post("/v1/messages", { ...chat, max_tokens: 1, stop_sequences: ["a".repeat(2000)] });
    expect(await anthropic.json()).toMatchObject({
      error: { message: "stop_sequences: every text must have 1 to 1024 characters" },
    });
    const tgi = await post("/generate", { inputs: textOf(promptIds), parameters: { top_k: -1 } });
    expect(tgi.status).toBe(422);
    expect(await tgi.json()).toMatchObject({ error: expect.stringMatching(/^parameters\.top_k is -1/) as string });
  });
});

test("more requests than may be under way are turned away, and told to come back", async () => {
  const { post } = serverOf({ maxRequests: 1 });
  const body = { prompt: promptIds, max_tokens: 4, stream: true, ...greedy };
  const first = await post("/v1/completions", body);
  const second = await post("/v1/completions", body);
  expect([second.status, second.headers.get("retry-after")]).toEqual([429, "1"]);
  await chunksOf(first);
  expect((await post("/v1/completions", { ...body, stream: false })).status).toBe(200);
});

test("models are listed", async () => {
  const { get } = serverOf();
  const model = { id: "tiny", object: "model", created: expect.any(Number) as number, owned_by: "fewbit" };
  expect(await (await get("/v1/models")).json()).toMatchObject({ object: "list", data: [model] });
  expect(await (await get("/v1/models/tiny")).json()).toMatchObject(model);
  expect((await get("/v1/models/other")).status).toBe(404);
});

describe("with keys", () => {
  const { get, post } = serverOf({ apiKeys: ["one", "two"] });
  test.each([
    [{ authorization: "Bearer one" }, 200],
    [{ authorization: "bearer two" }, 200],
    [{ "x-api-key": "two" }, 200],
    [{ authorization: "Bearer onetwo" }, 401],
    [{ authorization: "one" }, 401],
    [{}, 401],
  ])("%j gets %d", async (headers, status) => {
    expect((await get("/v1/models", headers as Record<string, string>)).status).toBe(status);
  });

  test("nothing is read of a request without one, and health needs none", async () => {
    expect((await post("/v1/completions", "{")).status).toBe(401);
    expect((await get("/v1/nothing")).status).toBe(401);
    expect(await (await get("/health")).json()).toEqual({ status: "ok" });
  });

  test("metrics need one, unless scrapers are said to have none", async () => {
    expect((await get("/metrics")).status).toBe(401);
    const open = serverOf({ apiKeys: ["one"], metricsNeedKey: false });
    expect((await open.get("/metrics")).status).toBe(200);
    expect((await open.get("/v1/stats")).status).toBe(401);
  });
});

describe("other APIs", () => {
  const { post, get } = serverOf();
  const messages = [{ role: "user", content: textOf(promptIds) }];

  test("errors have the form of the API that was asked", async () => {
    const body = { messages, max_tokens: 1, model: "other" };
    expect(await (await post("/v1/messages", body)).json()).toEqual({
      type: "error",
      error: { type: "not_found_error", message: expect.stringContaining("not served") as string },
    });
    expect(await (await post("/generate", { inputs: "" })).json()).toMatchObject({ error_type: "validation" });
    const { status } = await post("/v1/responses", { input: "a", previous_response_id: "resp_1" });
    expect(status).toBe(400);
    const image = [{ role: "user", content: [{ type: "image", source: {} }] }];
    expect((await post("/v1/messages", { messages: image, max_tokens: 1 })).status).toBe(400);
  });

  test("Hugging Face's clients ask at the root, and get a list", async () => {
    const parameters = { max_new_tokens: 4 };
    const body = { inputs: textOf(promptIds), parameters: { ...parameters, watermark: false, truncate: null } };
    const answer = { generated_text: textOf(greedyIds.slice(0, 4)) };
    expect(await (await post("/", body)).json()).toEqual([answer]);
    expect(await (await post("/generate", body)).json()).toEqual(answer);
    const streamed = await (await post("/", { ...body, stream: true })).text();
    expect(streamed.trim().split("\n\n")).toHaveLength(4);
    const refused = await post("/", { ...body, parameters: { ...parameters, best_of: 2 } });
    expect([refused.status, await refused.json()]).toEqual([
      422,
      { error: "parameters.best_of is not known here; leave it out", error_type: "validation" },
    ]);
  });

  test("a message that streams begins with the tokens of its prompt", async () => {
    const text = await (await post("/v1/messages", { messages, max_tokens: 2, stream: true })).text();
    const [start, delta] = ["message_start", "message_delta"].map(
      (name) => JSON.parse(new RegExp(`^event: ${name}\ndata: (.*)$`, "m").exec(text)![1]) as MessageEvent,
    );
    const { input_tokens: input, cache_read_input_tokens: cached = 0 } = delta.usage!;
    expect(start.message!.usage.input_tokens).toBe(input + cached);
  });

  test("metrics count what was answered, under names that routers know", async () => {
    const before = llm.totals.finished.length;
    const gaps = (): number => llm.totals.interToken.counts.reduce((sum, count) => sum + count, 0);
    const gapsBefore = gaps();
    await post("/v1/completions", { prompt: promptIds, max_tokens: 3, ...greedy });
    expect(gaps()).toBe(gapsBefore + 2);
    const response = await get("/metrics");
    expect(response.headers.get("content-type")).toMatch("text/plain; version=0.0.4");
    const text = await response.text();
    const success = `vllm:request_success_total{model_name="tiny",finished_reason="length"} ${before + 1}`;
    expect(text.split("\n")).toContain(success);
    expect(text.split("\n")).toContain(`vllm:inter_token_latency_seconds_count{model_name="tiny"} ${gaps()}`);
    const counts = [...text.matchAll(/^vllm:e2e_request_latency_seconds_(?:bucket|count)\{.*\} (\d+)$/gm)];
    expect(counts.map(([, count]) => Number(count)).every((count, i, all) => i === 0 || count >= all[i - 1])).toBe(
      true,
    );
    for (const [, name] of text.matchAll(/^# TYPE (\S+)/gm)) expect(text.split(`# TYPE ${name} `)).toHaveLength(2);
  });
});

test("every request has an id, its own where it is harmless, and is told of without what was said", async () => {
  const records: unknown[] = [];
  const { get } = serverOf({ onRequest: (record) => records.push(record) });
  const mine = await get("/v1/models", { "x-request-id": "mine-1" });
  const other = await get("/v1/nothing?secret", { "x-request-id": "a b" });
  expect(mine.headers.get("x-request-id")).toBe("mine-1");
  expect(other.headers.get("x-request-id")).toMatch(/^[0-9a-f]{24}$/);
  expect(records).toMatchObject([
    { requestId: "mine-1", method: "GET", path: "/v1/models", status: 200 },
    { path: "/v1/nothing", status: 404 },
  ]);
});

test("pages of other origins may ask where they are told so, without a key for the question whether they may", async () => {
  const ask = (options: Partial<ServerOptions>): Promise<Response> =>
    createServer({ models: new Map([["tiny", llm]]), ...options }).fetch(
      new Request("http://test/v1/models", { method: "OPTIONS", headers: { origin: "https://a.test" } }),
    );
  const allowed = (response: Response): string | null => response.headers.get("access-control-allow-origin");
  expect(allowed(await ask({}))).toBeNull();
  expect(allowed(await ask({ corsOrigins: ["https://b.test"] }))).toBeNull();
  expect(allowed(await ask({ corsOrigins: ["https://a.test"], apiKeys: ["one"] }))).toBe("https://a.test");
});

test("a bug of ours is told to us, not to the client", async () => {
  const seen: unknown[] = [];
  const broken = { respond: () => { throw new Error("a secret"); } } as never; // prettier-ignore
  const { post } = serverOf({ models: new Map([["x", broken]]), onError: (error) => seen.push(error) });
  const response = await post("/v1/chat/completions", { messages: [{ role: "user", content: "a" }] });
  expect([response.status, seen.length]).toEqual([500, 1]);
  expect(await response.text()).not.toContain("secret");
});
