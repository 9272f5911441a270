import { describe, expect, test } from "vitest";
import { expected, tinyModel } from "../../test/support/tiny-model.ts";
import { createReferenceBackend } from "../backends/reference/reference-backend.ts";
import type { LLM } from "../llm/llm.ts";
import { loadLLM } from "../llm/load-llm.ts";
import type { LoadOptions } from "../llm/load-options.ts";
import { FormatError } from "../util/errors.ts";
import { createServer, type Server } from "./create-server.ts";
import type { LoadableModel } from "./served-model.ts";

const host = { backends: [createReferenceBackend()], locate: () => Promise.resolve(undefined) };
const open = (options?: LoadOptions): Promise<LLM> => loadLLM(host, tinyModel(), options);
const { prompt_ids: promptIds } = expected;

async function ask(
  server: Server,
  path: string,
  body?: object,
): Promise<{ readonly status: number; readonly body: unknown }> {
  const init =
    body === undefined
      ? {}
      : { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  const response = await server.fetch(new Request(`http://test${path}`, init));
  return { status: response.status, body: await response.json() };
}

const completion = (rest: object = {}): object => ({ prompt: promptIds, max_tokens: 2, temperature: 0, ...rest });

/** A model that is there when the test says so. */
function slowModel() {
  let release = (): void => undefined;
  const gate = new Promise<void>((resolve) => (release = resolve));
  const load = async (signal: AbortSignal): Promise<LLM> => {
    await Promise.race([gate, new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("given up"))))]); // prettier-ignore
    return open();
  };
  return { model: { load } satisfies LoadableModel, release };
}

describe("a server whose models are still to come", () => {
  test("says so until the last of them is there", async () => {
    const [first, second] = [slowModel(), slowModel()];
    const server = createServer({ models: new Map([["first", first.model], ["second", second.model]]) }); // prettier-ignore
    const loading = Promise.all([server.load("first"), server.load("second")]);
    expect((await ask(server, "/health")).status).toBe(503);
    const refused = await ask(server, "/v1/completions", completion());
    expect(refused).toMatchObject({ status: 503, body: { error: { code: "model_not_loaded" } } });
    first.release();
    await expect.poll(async () => (await ask(server, "/v1/completions", completion())).status).toBe(200);
    expect((await ask(server, "/health")).status).toBe(503);
    second.release();
    await loading;
    expect((await ask(server, "/health")).status).toBe(200);
    await server.close();
  });
});

describe("a model", () => {
  test("is unloaded when its answers are finished, and loaded again, while another one answers", async () => {
    await using own = await open();
    const server = createServer({ models: new Map<string, LLM | LoadableModel>([["own", own], ["tiny", { load: () => open() }], ["alias", { load: () => open() }]]) }); // prettier-ignore
    await server.load("tiny");
    await server.load("alias");
    const running = ask(server, "/v1/completions", completion({ model: "tiny", max_tokens: 60, ignore_eos: true }));
    await new Promise((resolve) => setTimeout(resolve, 20));
    const unloading = ask(server, "/v1/unload", { model: "tiny" });
    expect(await running).toMatchObject({ status: 200, body: { usage: { completion_tokens: 60 } } });
    expect(await unloading).toEqual({ status: 200, body: { success: true, model: "tiny", status: "unloaded" } });
    expect((await ask(server, "/v1/completions", completion({ model: "tiny" }))).status).toBe(503);
    expect((await ask(server, "/v1/completions", completion())).status).toBe(200);
    expect((await ask(server, "/health")).status).toBe(200);
    const names = ((await ask(server, "/v1/models")).body as { readonly data: readonly { readonly id: string }[] })
      .data;
    expect(names.map(({ id }) => id)).toEqual(["own", "alias"]);
    expect((await ask(server, "/models/load", { model: "tiny" })).body).toMatchObject({ status: "ready" });
    expect((await ask(server, "/v1/completions", completion({ model: "tiny" }))).status).toBe(200);
    await server.close();
    expect((await ask(server, "/v1/completions", completion({ model: "tiny" }))).status).toBe(503);
    await own.generate(promptIds, { maxTokens: 1 }).result; // is not the server's
  });

  test("of the program's own stays, and what is not served cannot be loaded", async () => {
    await using own = await open();
    const server = createServer({ models: new Map([["own", own]]) });
    expect((await ask(server, "/v1/unload", { model: "own" })).status).toBe(400);
    expect((await ask(server, "/v1/load", { model: "/etc/passwd" })).status).toBe(404);
    expect((await ask(server, "/v1/load", { model: 3 })).status).toBe(400);
    const plain = { method: "POST", body: '{"model":"own"}' }; // what any page may send
    expect((await server.fetch(new Request("http://test/v1/load", plain))).status).toBe(415);
    expect((await ask(server, "/v1/load", { model: "own" })).status).toBe(200);
  });

  test("that cannot be loaded says why, and may be tried again", async () => {
    let tries = 0;
    const load = (): Promise<LLM> => (tries++ === 0 ? Promise.reject(new FormatError("half a file")) : open());
    const server = createServer({ models: new Map([["tiny", { load }]]), onError: () => undefined });
    expect(await ask(server, "/v1/load", { model: "tiny" })).toMatchObject({
      status: 500,
      body: { error: { message: "half a file" } },
    });
    expect((await ask(server, "/v1/completions", completion())).status).toBe(503);
    expect((await ask(server, "/v1/load", { model: "tiny" })).status).toBe(200);
    expect((await ask(server, "/v1/completions", completion())).status).toBe(200);
    await server.close();
  });

  test("that is being loaded can be given up", async () => {
    const { model } = slowModel();
    const server = createServer({ models: new Map([["slow", model]]) });
    const loading = expect(server.load("slow")).rejects.toThrow("given up");
    expect((await ask(server, "/v1/unload", { model: "slow" })).status).toBe(200);
    await loading;
  });
});

describe("a server that drains", () => {
  test("finishes what it has begun, and refuses the rest", async () => {
    await using llm = await open();
    const server = createServer({ models: new Map([["tiny", llm]]) });
    const running = ask(server, "/v1/completions", completion({ max_tokens: 60, ignore_eos: true }));
    await new Promise((resolve) => setTimeout(resolve, 20));
    const drained = server.drain();
    expect((await ask(server, "/health")).status).toBe(503);
    expect((await ask(server, "/v1/completions", completion())).status).toBe(503);
    expect(await running).toMatchObject({ status: 200, body: { usage: { completion_tokens: 60 } } });
    await drained;
  });
});

describe("limits of a model", () => {
  test("have statuses: too many requests, too long a wait, too long an answer", async () => {
    await using llm = await open({ maxSequences: 1, maxRequests: 2, queueTimeoutMs: 10 });
    const server = createServer({ models: new Map([["tiny", llm]]) });
    // Far more than that.
    const long = completion({ max_tokens: 400, ignore_eos: true });
    const answers = await Promise.all([long, { ...long, stream: true }, long].map(async (body) => {
      const response = await server.fetch(new Request("http://test/v1/completions", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) }));
      return { status: response.status, retryAfter: response.headers.get("retry-after"), text: await response.text() };
    })); // prettier-ignore
    expect(answers.map(({ status }) => status)).toEqual([200, 429, 429]);
    expect(answers[1]).toMatchObject({ retryAfter: "1" });
    expect(answers[1].text).toMatch("has waited");
    expect(answers[2].text).toMatch("no more are taken");
    await using hasty = await open({ timeoutMs: 1 });
    const late = await ask(createServer({ models: new Map([["tiny", hasty]]) }), "/v1/completions", long);
    expect(late).toMatchObject({ status: 408, body: { error: { type: "timeout_error" } } });
  });
});
