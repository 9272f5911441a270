import { addAbortSignal, type Readable } from "node:stream";
import { MessageReader, type Message } from "./message-reader.ts";
import type { MessageSource } from "./message-source.ts";
import { readLines } from "./read-lines.ts";

const longestLine = 1 << 20;

/** Messages from a stream that nobody sits at, line by line. Fails as readLines; ends when the signal fires. */
export function pipedMessages(input: Readable, signal: AbortSignal): MessageSource {
  const messages = readMessages(input, signal);
  return {
    next: async () => (await messages.next()).value,
    // What the stream still holds is nobody's, and must not keep the process.
    [Symbol.dispose]: () => void input.destroy(),
  };
}

async function* readMessages(input: Readable, signal: AbortSignal): AsyncGenerator<Message, undefined> {
  const reader = new MessageReader();
  addAbortSignal(signal, input);
  try {
    for await (const line of readLines(input, longestLine)) {
      const message = reader.push(line);
      if (message !== undefined) yield message;
    }
  } catch (error) {
    if (signal.aborted) return;
    throw error;
  }
  const rest = reader.finish();
  if (rest !== undefined) yield rest;
}
