import { once } from "node:events";
import type { Server as HttpServer } from "node:http";
import { connect, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { serve } from "@hono/node-server";
import { afterAll, expect, onTestFinished, test } from "vitest";
import { createReferenceBackend } from "../../src/backends/reference/reference-backend.ts";
import { loadLLM } from "../../src/llm/load-llm.ts";
import { createServer, type ServerOptions } from "../../src/server/create-server.ts";
import { expected, tinyModel } from "../support/tiny-model.ts";

const host = { backends: [createReferenceBackend()], locate: () => Promise.resolve(undefined) };
const llm = await loadLLM(host, tinyModel());
afterAll(() => llm.close());

/** The port of a server on this machine, until the test is over. */
async function listen(options: Partial<ServerOptions>): Promise<number> {
  const { fetch } = createServer({ models: new Map([["tiny", llm]]), ...options });
  const http = serve({ fetch, port: 0, hostname: "127.0.0.1" }) as HttpServer;
  await once(http, "listening");
  onTestFinished(() => {
    http.close();
    http.closeAllConnections();
  });
  return (http.address() as { readonly port: number }).port;
}

/** Announces a body, and sends its first byte. */
async function openSlowly(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  onTestFinished(() => void socket.destroy()); // before the server resets it
  await once(socket, "connect");
  const head = ["POST /v1/completions HTTP/1.1", "host: 127.0.0.1", "content-type: application/json"];
  socket.write(`${[...head, "content-length: 1000"].join("\r\n")}\r\n\r\n{`);
  return socket;
}

function ask(port: number): Promise<Response> {
  return fetch(`http://127.0.0.1:${port}/v1/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ prompt: expected.prompt_ids, max_tokens: 2, temperature: 0 }),
  });
}

test("who sends a body byte by byte keeps nobody from being answered", async () => {
  const port = await listen({ maxRequests: 2 });
  const slow = await Promise.all(Array.from({ length: 300 }, () => openSlowly(port)));
  const dripping = setInterval(() => slow.forEach((socket) => socket.write(" ")), 50);
  const { status } = await ask(port);
  clearInterval(dripping);
  expect(status).toBe(200);
  expect(slow.every(({ destroyed }) => !destroyed)).toBe(true);
});

test("a body that does not come is told so, and its connection ends", async () => {
  const port = await listen({ bodyTimeoutMs: 100 });
  const slow = await openSlowly(port);
  expect(await text(slow)).toMatch(/^HTTP\/1.1 408 [^]*"type":"timeout_error"/);
});
