import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { buffer } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, expect, onTestFinished, test } from "vitest";
import { createReferenceBackend } from "../../src/backends/reference/reference-backend.ts";
import { listen } from "../../src/cli/serve/listener.ts";
import { loadLLM } from "../../src/llm/load-llm.ts";
import { createServer } from "../../src/server/create-server.ts";
import { expected, textOf, tinyModel } from "../support/tiny-model.ts";

const host = { backends: [createReferenceBackend()], locate: () => Promise.resolve(undefined) };
const llm = await loadLLM(host, tinyModel());
afterAll(() => llm.close());

/** More than the system takes of a connection that nobody reads. */
const large = 2 ** 24;

/** The port of a listener on this machine, until the test is over. */
async function portOf(fetch: (request: Request) => Promise<Response>, sendTimeoutMs: number): Promise<number> {
  const { port, close } = await listen(fetch, { host: "127.0.0.1", port: 0, sendTimeoutMs });
  onTestFinished(close); // run in the order of the last first: connections are gone by then
  return port;
}

/** Sends a request, and reads nothing of its answer. */
async function send(port: number, path: string, body: string): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  socket.pause();
  await once(socket, "connect");
  const head = [`POST ${path} HTTP/1.1`, "host: 127.0.0.1", "content-type: application/json", "connection: close"];
  socket.write(`${[...head, `content-length: ${Buffer.byteLength(body)}`].join("\r\n")}\r\n\r\n${body}`);
  return socket;
}

test("who reads nothing of a stream loses its place to the next one", async () => {
  const { fetch } = createServer({ models: new Map([["tiny", llm]]), maxRequests: 1, maxBodyBytes: large });
  const port = await portOf(fetch, 1000);
  // Every one of the first events has all of it.
  const input = textOf(expected.prompt_ids);
  const metadata = { text: "a".repeat(large / 2) };
  const stuck = await send(port, "/v1/responses", JSON.stringify({ input, stream: true, metadata }));
  const ask = async (): Promise<number> => {
    const body = JSON.stringify({ prompt: expected.prompt_ids, max_tokens: 1 });
    const headers = { "content-type": "application/json" };
    const response = await globalThis.fetch(`http://127.0.0.1:${port}/v1/completions`, {
      method: "POST",
      headers,
      body,
    });
    await response.text();
    return response.status;
  };
  await expect.poll(ask, { timeout: 20_000 }).toBe(429); // it has come, and is being answered
  await expect.poll(ask, { timeout: 20_000 }).toBe(200);
  const seen = await buffer(stuck).catch(() => Buffer.alloc(0)); // reset, where the system says so
  expect(seen.includes("response.completed")).toBe(false);
});

test("who reads slowly, or waits for long, is not cut off", async () => {
  const port = await portOf(async () => {
    await delay(1500);
    return new Response(new Uint8Array(large));
  }, 1000);
  const slow = await send(port, "/", "{}");
  let byteLength = 0;
  // Some megabytes a second: the system tells a writer of room by parts of its own buffer, not by bytes.
  for (const start = performance.now(); performance.now() - start < 3500; await delay(10))
    byteLength += (slow.read() as Buffer | null)?.byteLength ?? 0;
  const rest = await buffer(slow);
  expect(byteLength + rest.byteLength).toBeGreaterThan(large);
});

test("connections without a whole request keep nothing from ending, and answers under way are finished", async () => {
  let answer = (_: Response): void => undefined;
  const answered = new Promise<Response>((resolve) => (answer = resolve));
  const { port, close } = await listen(() => answered, { host: "127.0.0.1", port: 0, sendTimeoutMs: Infinity });
  const [silent, half] = [connect(port, "127.0.0.1"), connect(port, "127.0.0.1")];
  const asking = await send(port, "/", "{}");
  half.write("GET /health HT");
  silent.resume();
  half.resume();
  await delay(100);
  const closed = close();
  await Promise.all([once(silent, "close"), once(half, "close")]);
  answer(new Response("late"));
  expect((await buffer(asking)).toString()).toMatch(/late$/);
  await closed;
});

test("a connection is kept for its next request, and not for ever", async () => {
  const options = { host: "127.0.0.1", port: 0, sendTimeoutMs: 60_000, keepAliveTimeoutMs: 100 };
  const { port, close } = await listen(() => Promise.resolve(new Response("a")), options);
  onTestFinished(close);
  const socket = connect(port, "127.0.0.1");
  socket.write("GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n");
  expect((await buffer(socket)).toString()).toMatch(/keep-alive[^]*\r\n\r\na$/);
});
