import { apiErrorOf } from "./api-error.ts";

/** Comment lines keep proxies from closing a stream in which nothing has been said yet. */
const keepAliveMs = 15_000;

const headers = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache",
  "x-accel-buffering": "no", // nginx would wait for more
};

/** How an API writes its events. */
export interface EventFormat {
  /** One event, with the empty line behind it. */
  readonly write: (value: object) => string;
  /** What an error in the middle becomes: the status has been sent. */
  readonly error: (error: unknown) => object;
  /** What comes after the last event. */
  readonly end: string;
}

/** Data alone, and `[DONE]` in the end. */
export const plainEvents: EventFormat = {
  write: (value) => `data: ${JSON.stringify(value)}\n\n`,
  error: (error) => apiErrorOf(error).body,
  end: "data: [DONE]\n\n",
};

/** Every event under the name that its value has as `type`. */
export const namedEvents: Pick<EventFormat, "write" | "end"> = {
  write: (value) => `event: ${(value as { readonly type: string }).type}\ndata: ${JSON.stringify(value)}\n\n`,
  end: "",
};

/** Server-sent events of JSON values. When the client goes, `stop` is called, and the values are taken no further. */
export function eventStream(
  values: AsyncIterable<object>,
  stop: () => void,
  format: EventFormat = plainEvents,
): Response {
  const encoder = new TextEncoder();
  const iterator = values[Symbol.asyncIterator]();
  let keepAlive: ReturnType<typeof setInterval> | undefined;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      keepAlive = setInterval(() => controller.enqueue(encoder.encode(": keep-alive\n\n")), keepAliveMs);
    },
    async pull(controller) {
      const send = (text: string): void => controller.enqueue(encoder.encode(text));
      const end = (): void => {
        clearInterval(keepAlive);
        controller.close();
      };
      try {
        const next: IteratorResult<object, unknown> = await iterator.next();
        if (!next.done) send(format.write(next.value));
        else {
          if (format.end !== "") send(format.end);
          end();
        }
      } catch (error) {
        send(format.write(format.error(error)));
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
