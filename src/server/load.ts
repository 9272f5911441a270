import { ApiError } from "./api-error.ts";

/** How many requests are under way: until the last byte of their answer is out. */
export class Load {
  readonly #most: number;
  #count = 0;
  #onIdle: (() => void) | undefined;

  constructor(most: number) {
    this.#most = most;
  }

  /** Whether requests are refused, because the server ends. */
  get isDraining(): boolean {
    return this.#onIdle !== undefined;
  }

  /** Throws ApiError 429 when there are as many as may be, 503 when no more are taken. */
  requireRoom(): void {
    if (this.isDraining) throw new ApiError(503, "service_unavailable_error", "the server is stopping");
    if (this.#count >= this.#most)
      throw new ApiError(
        429,
        "rate_limit_error",
        `${this.#count} requests are under way, and no more are taken; ask again in a moment`,
      );
  }

  /** Throws as `requireRoom`, and what the answer throws. */
  async admit(answer: () => Promise<Response>): Promise<Response> {
    this.requireRoom();
    this.#count++;
    let left = false;
    const leave = (): void => {
      if (left) return;
      left = true;
      if (--this.#count === 0) this.#onIdle?.();
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

  /** Refuses requests from now on; settles when those under way are over. */
  async drain(): Promise<void> {
    const idle = new Promise<void>((resolve) => (this.#onIdle = resolve));
    if (this.#count > 0) await idle;
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
