import { apiErrorOf } from "./api-error.ts";

/** Comment lines keep proxies from closing a stream in which nothing has been said yet. */
const keepAliveMs = 15_000;

const headers = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache",
  "x-accel-buffering": "no", // nginx would wait for more
};

/**
 * Server-sent events of JSON values, then `[DONE]`. An error in the middle is an event of its own: the status has been sent. When the
 * client goes, `stop` is called, and the values are taken no further.
 */
export function eventStream(values: AsyncIterable<unknown>, stop: () => void): Response {
  const encoder = new TextEncoder();
  const iterator = values[Symbol.asyncIterator]();
  let keepAlive: ReturnType<typeof setInterval> | undefined;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      keepAlive = setInterval(() => controller.enqueue(encoder.encode(": keep-alive\n\n")), keepAliveMs);
    },
    async pull(controller) {
      const send = (data: string): void => controller.enqueue(encoder.encode(`data: ${data}\n\n`));
      const end = (): void => {
        clearInterval(keepAlive);
        controller.close();
      };
      try {
        const next: IteratorResult<unknown, unknown> = await iterator.next();
        if (!next.done) send(JSON.stringify(next.value));
        else {
          send("[DONE]");
          end();
        }
      } catch (error) {
        send(JSON.stringify(apiErrorOf(error).body));
        end();
      }
    },
    cancel() {
      clearInterval(keepAlive);
      stop();
    },
  });
  return new Response(body, { headers });
}
