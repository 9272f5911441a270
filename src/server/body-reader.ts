import { ApiError } from "./api-error.ts";

export interface BodyLimits {
  /** Of one body. */
  readonly maxBytes: number;
  /** How long a body may take, beside a second for every 64 KiB of it. Default 10 s. */
  readonly timeoutMs?: number | undefined;
  /** Bodies that may be on their way at once. Default 1024. */
  readonly mostAtOnce?: number | undefined;
  /** Bytes of them all together. Default 16 bodies of `maxBytes`. */
  readonly mostBytes?: number | undefined;
}

/** Bytes a second below which a body is not coming but holding on: a modem's 512 kbit/s. */
const slowest = 2 ** 16;

/**
 * Reads the bodies of requests. They come before there is an answer to compute, and whoever sends them a byte at a time must not keep
 * others from being read: where there are too many, or too much of them, the one that has been coming for longest gives way.
 */
export class BodyReader {
  readonly #limits: Required<{ readonly [Name in keyof BodyLimits]: number }>;
  /** In order of arrival. */
  readonly #arriving = new Set<Arrival>();
  #byteLength = 0;

  constructor({ maxBytes, timeoutMs = 10_000, mostAtOnce = 1024, mostBytes = 16 * maxBytes }: BodyLimits) {
    this.#limits = { maxBytes, timeoutMs, mostAtOnce, mostBytes };
  }

  /** Throws ApiError: 413 for more bytes than one body may have, 408 for one that takes too long or gives way, 400 for one that breaks off. */
  async read(request: Request): Promise<Uint8Array> {
    const { maxBytes, mostAtOnce, mostBytes } = this.#limits;
    const tooLarge = new ApiError(
      413,
      "invalid_request_error",
      `the body has more than ${maxBytes} bytes, which are not read`,
    );
    if (Number(request.headers.get("content-length") ?? 0) > maxBytes) throw tooLarge;
    if (request.body === null) return new Uint8Array(0);
    const arrival = new Arrival(request.body);
    this.#arriving.add(arrival);
    if (this.#arriving.size > mostAtOnce) this.#dropOldest();
    const stopWatching = this.#watch(arrival);
    try {
      for (let bytes = await arrival.next(); bytes !== undefined; bytes = await arrival.next()) {
        arrival.keep(bytes);
        if (this.#arriving.has(arrival)) this.#byteLength += bytes.byteLength; // else it has just given way
        if (arrival.byteLength > maxBytes) arrival.drop(tooLarge);
        else if (this.#byteLength > mostBytes) this.#dropOldest();
      }
      return arrival.bytes();
    } finally {
      stopWatching();
      this.#forget(arrival);
    }
  }

  #dropOldest(): void {
    const [oldest] = this.#arriving;
    oldest.drop(timedOut("others had no room to send theirs"));
    this.#forget(oldest);
  }

  #forget(arrival: Arrival): void {
    if (this.#arriving.delete(arrival)) this.#byteLength -= arrival.byteLength;
  }

  #watch(arrival: Arrival): () => void {
    const start = performance.now();
    const look = (): void => {
      const allowed = this.#limits.timeoutMs + (1000 * arrival.byteLength) / slowest;
      const left = start + allowed - performance.now();
      if (left > 0) timer = setTimeout(look, left);
      else arrival.drop(timedOut(`${arrival.byteLength} bytes took more than ${Math.round(allowed)} ms`));
    };
    let timer = setTimeout(look, this.#limits.timeoutMs);
    return () => clearTimeout(timer);
  }
}

/** One body on its way. */
class Arrival {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #chunks: Uint8Array[] = [];
  #refusal: ApiError | undefined;
  byteLength = 0;

  constructor(body: ReadableStream<Uint8Array>) {
    this.#reader = body.getReader();
  }

  /** Undefined: that was all. Throws what `drop` was told, ApiError 400 where the connection has ended. */
  async next(): Promise<Uint8Array | undefined> {
    const { value } = await this.#reader.read().catch(() => {
      // Nobody is there to be told; it is no failure of ours either.
      throw this.#refusal ?? invalid("the connection ended in the middle of the body");
    });
    return value;
  }

  keep(bytes: Uint8Array): void {
    this.#chunks.push(bytes);
    this.byteLength += bytes.byteLength;
  }

  /** Reads no more of it: whoever waits for `next` is told why. The body is not cancelled, which would cut the connection before the answer. */
  drop(refusal: ApiError): void {
    this.#refusal ??= refusal;
    this.#reader.releaseLock();
  }

  bytes(): Uint8Array {
    const bytes = new Uint8Array(this.byteLength);
    let at = 0;
    for (const chunk of this.#chunks) {
      bytes.set(chunk, at);
      at += chunk.byteLength;
    }
    return bytes;
  }
}

function timedOut(why: string): ApiError {
  return new ApiError(408, "timeout_error", `the body came too slowly: ${why}`);
}

function invalid(message: string): ApiError {
  return new ApiError(400, "invalid_request_error", message);
}
