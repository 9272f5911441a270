import { expect, test } from "vitest";
import { serverSentEvents } from "./server-sent-events.ts";

async function read(...pieces: readonly (string | Uint8Array)[]): Promise<readonly string[]> {
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(typeof piece === "string" ? encoder.encode(piece) : piece);
      controller.close();
    },
  });
  const events: string[] = [];
  for await (const data of serverSentEvents(body)) events.push(data);
  return events;
}

test("events end with an empty line, whatever ends lines", async () => {
  expect(await read('data: {"a":1}\n\ndata:b\r\n\r\ndata: c\r\rdata: [DONE]\n\n')).toEqual([
    '{"a":1}',
    "b",
    "c",
    "[DONE]",
  ]);
});

test("events come in any pieces", async () => {
  const text = 'data: {"text":"naïve 一"}\r\n\r\n: keep-alive\n\nevent: x\nid: 7\ndata: 1\ndata: 2\n\n';
  expect(await read(...text)).toEqual(['{"text":"naïve 一"}', "1\n2"]);
});

test("characters may be cut between pieces", async () => {
  const bytes = new TextEncoder().encode("data: 一丁\n\n");
  const pieces = Array.from(bytes, (_, index) => bytes.subarray(index, index + 1));
  expect(await read(...pieces)).toEqual(["一丁"]);
});

test("an event that nobody has ended is none", async () => {
  expect(await read("data: 1\n\ndata: 2\n")).toEqual(["1"]);
});

test("leaving early ends the stream", async () => {
  let wasCancelled = false;
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new TextEncoder().encode("data: x\n\n")),
    cancel: () => void (wasCancelled = true),
  });
  for await (const data of serverSentEvents(endless)) if (data === "x") break;
  expect(wasCancelled).toBe(true);
});
