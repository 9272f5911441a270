import { throwIfAborted } from "../util/abort.ts";
import { IoError, RequestError, UnsupportedError } from "../util/errors.ts";
import { quote } from "../util/quote.ts";
import { checkRead, closedError, destination, type ByteSource, type ReadOptions } from "./byte-source.ts";

export interface OpenHttpOptions {
  /** Sent with every request, for example an authorization. Never appears in messages. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Gives up the opening; reads have signals of their own. */
  readonly signal?: AbortSignal;
  /** How often a request is tried before its error is thrown; default 5. A transfer that advances starts over. */
  readonly attempts?: number;
  /** Wait before the second attempt, doubled each time, up to 10 s; default 250. A server's Retry-After comes first. */
  readonly backoffMs?: number;
  /** A connection that delivers nothing for so long counts as dropped; default 30,000. */
  readonly stallMs?: number;
  /** Replaces the global fetch, for example by one that goes through a proxy. */
  readonly fetch?: typeof globalThis.fetch;
}

/**
 * Opens a URL for ranged reads. Asking for the first byte tells the size, and whether the server honours ranges: one
 * that sends whole files is refused with UnsupportedError, because each read would download everything. Every answer
 * must be a 206 with the bytes asked for, out of a file of the same size and ETag as at first, else IoError.
 * Dropped connections and statuses such as 429 and 503 are tried again, from the byte that was reached.
 */
export async function openHttp(url: string | URL, options: OpenHttpOptions = {}): Promise<ByteSource> {
  const remote = new RemoteFile(parseUrl(url), options);
  const response = await remote.retrying(options.signal, (connection) => ask(remote, connection));
  return new HttpSource(remote, firstVersion(remote, response));
}

/**
 * As openHttp, but undefined where there is no such file: the answer is 404, 410, or a page of HTML, as servers of single-page
 * applications send it for every path that they do not know. Not for files that are HTML.
 */
export async function openHttpIfAny(url: string | URL, options: OpenHttpOptions = {}): Promise<ByteSource | undefined> {
  const remote = new RemoteFile(parseUrl(url), options);
  const response = await remote.retrying(options.signal, (connection) => ask(remote, connection));
  return saysMissing(response) ? undefined : new HttpSource(remote, firstVersion(remote, response));
}

function saysMissing({ status, ok, headers }: Response): boolean {
  return status === 404 || status === 410 || (ok && /^text\/html\b/i.test(headers.get("content-type") ?? ""));
}

/** Asks for the first byte. */
async function ask(remote: RemoteFile, connection: Connection): Promise<Response> {
  const response = await remote.request(connection, 0, 1);
  await discard(response);
  return response;
}

function firstVersion(remote: RemoteFile, response: Response): Version {
  // An empty file has no first byte: 416 with the size, or from some servers the whole of nothing.
  if (response.status === 416 && totalOf(response) === 0) return versionOf(response, 0);
  if (response.status === 200 && response.headers.get("content-length") === "0") return versionOf(response, 0);
  return versionOf(response, remote.checkRange(response, 0, 1).total);
}

/** What must stay the same from answer to answer. */
interface Version {
  readonly size: number;
  /** The ETag, else the modification date, else undefined. */
  readonly validator: string | undefined;
}

class HttpSource implements ByteSource {
  readonly size: number;
  readonly label: string;
  readonly #remote: RemoteFile;
  readonly #version: Version;

  constructor(remote: RemoteFile, version: Version) {
    this.size = version.size;
    this.label = remote.label;
    this.#remote = remote;
    this.#version = version;
  }

  async read(offset: number, length: number, options?: ReadOptions): Promise<Uint8Array> {
    checkRead(this, offset, length, options);
    if (this.#remote.closed) throw closedError(this.label);
    const out = destination(length, options?.into, this.label);
    let done = 0;
    while (done < length) {
      // A server may answer with a shorter range than asked for: then the next request fetches the rest.
      await this.#remote.retrying(options?.signal, async (connection) => {
        const response = await this.#remote.request(connection, offset + done, offset + length);
        let end: number;
        try {
          end = this.#check(response, offset + done, offset + length) - offset;
        } catch (error) {
          await discard(response);
          throw error;
        }
        for await (const chunk of chunksOf(response, connection)) {
          if (chunk.byteLength > end - done) {
            throw new IoError(`${this.label}: the server sent more bytes than it announced`);
          }
          out.set(chunk, done);
          done += chunk.byteLength;
          connection.received(chunk.byteLength);
        }
        if (done < end)
          throw new Transient(new IoError(`${this.label}: the connection closed ${end - done} bytes early`));
      });
    }
    return out;
  }

  #check(response: Response, start: number, end: number): number {
    const range = this.#remote.checkRange(response, start, end);
    const { size, validator } = versionOf(response, range.total);
    if (size !== this.size || validator !== this.#version.validator) {
      throw new IoError(`${this.label}: the file changed on the server while it was open; open it again`);
    }
    return range.end;
  }

  async close(): Promise<void> {
    this.#remote.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** An error that another attempt may cure; `error` is what to throw when it does not. */
class Transient extends Error {
  readonly error: IoError;
  readonly retryAfterMs: number | undefined;

  constructor(error: IoError, retryAfterMs?: number) {
    super(error.message);
    this.error = error;
    this.retryAfterMs = retryAfterMs;
  }
}

/** One attempt: its signal, and the clock that drops it when nothing arrives. */
interface Connection {
  readonly signal: AbortSignal;
  received(byteLength: number): void;
}

const longestBackoffMs = 10_000;
/** A server that wants a longer pause than this is asking for the user's decision, not for patience. */
const longestRetryAfterMs = 60_000;
/** A transfer that came this far before it broke works: its attempts are counted anew. */
const progressBytes = 2 ** 20;
const transientStatuses: readonly number[] = [408, 425, 429, 500, 502, 503, 504];

/** A URL, how to ask for parts of it, and how patiently. */
class RemoteFile {
  readonly label: string;
  readonly #url: URL;
  readonly #options: OpenHttpOptions;
  readonly #closing = new AbortController();

  constructor(url: URL, options: OpenHttpOptions) {
    this.#url = url;
    this.#options = options;
    // The query of a signed URL is a secret.
    this.label = url.origin + url.pathname;
  }

  get closed(): boolean {
    return this.#closing.signal.aborted;
  }

  close(): void {
    this.#closing.abort();
  }

  /** Asks for [start, end). Returns any answer that is final; the caller reads or discards its body. */
  async request(connection: Connection, start: number, end: number): Promise<Response> {
    const send = this.#options.fetch ?? globalThis.fetch;
    const response = await send(this.#url, {
      // For a request with a range, fetch itself adds "accept-encoding: identity".
      headers: { ...this.#options.headers, range: `bytes=${start}-${end - 1}` },
      signal: connection.signal,
    });
    if (transientStatuses.includes(response.status)) {
      await discard(response);
      throw new Transient(this.#statusError(response), retryAfterMs(response));
    }
    return response;
  }

  /** The range that a 206 says it carries, when it is the beginning of [start, end); throws for any other answer. */
  checkRange(response: Response, start: number, end: number): { readonly end: number; readonly total: number } {
    if (response.status === 200) {
      throw new UnsupportedError(
        `${this.label}: the server ignores range requests and sends the whole file; download it and open the local copy`,
      );
    }
    if (response.status !== 206) throw this.#statusError(response);
    const header = response.headers.get("content-range");
    const match = /^bytes (\d{1,16})-(\d{1,16})\/(\d{1,16})$/.exec(header ?? "");
    if (match === null) {
      const found = header === null ? "has no readable Content-Range" : `has Content-Range ${quote(header)}`;
      throw new UnsupportedError(
        `${this.label}: the answer ${found}; "bytes first-last/size" is needed (and must be exposed to scripts by CORS)`,
      );
    }
    const [first, last, total] = match.slice(1).map(Number);
    if (first !== start || last < first || last >= end || last >= total || !Number.isSafeInteger(total)) {
      throw new IoError(`${this.label}: asked for bytes ${start}-${end - 1}, the server answers ${quote(match[0])}`);
    }
    return { end: last + 1, total };
  }

  /** Runs `attempt` until it succeeds, fails for good, or has failed too often in a row without getting anywhere. */
  async retrying<Result>(
    signal: AbortSignal | undefined,
    attempt: (connection: Connection) => Promise<Result>,
  ): Promise<Result> {
    const { attempts = 5, backoffMs = 250, stallMs = 30_000 } = this.#options;
    let failures = 0;
    for (;;) {
      throwIfAborted(signal, this.label);
      if (this.closed) throw closedError(this.label);
      let received = 0;
      const controller = new AbortController();
      const abort = (): void => controller.abort();
      let stall = setTimeout(abort, stallMs);
      const connection: Connection = {
        signal: controller.signal,
        received: (byteLength) => {
          received += byteLength;
          clearTimeout(stall);
          stall = setTimeout(abort, stallMs);
        },
      };
      // Listeners rather than AbortSignal.any: that one keeps a trace of every attempt on a long-lived signal.
      signal?.addEventListener("abort", abort);
      this.#closing.signal.addEventListener("abort", abort);
      let failure: Transient;
      try {
        return await attempt(connection);
      } catch (error) {
        throwIfAborted(signal, this.label);
        if (this.closed) throw closedError(this.label);
        failure = this.#transient(error, controller.signal.aborted);
      } finally {
        clearTimeout(stall);
        signal?.removeEventListener("abort", abort);
        this.#closing.signal.removeEventListener("abort", abort);
      }
      failures = received >= progressBytes ? 1 : failures + 1;
      const retryAfter = failure.retryAfterMs ?? 0;
      if (failures >= attempts || retryAfter > longestRetryAfterMs) throw failure.error;
      // Jitter, so that the reads that one outage broke do not all come back at the same moment.
      const backoff = Math.min(backoffMs * 2 ** (failures - 1), longestBackoffMs) * (0.5 + Math.random() / 2);
      await this.#pause(Math.max(retryAfter, backoff), signal);
    }
  }

  /** What fetch and the body's stream throw is a broken connection; what we threw ourselves keeps its meaning. */
  #transient(error: unknown, stalled: boolean): Transient {
    if (error instanceof Transient) return error;
    if (stalled) return new Transient(new IoError(`${this.label}: the server stopped sending`));
    if (error instanceof IoError || error instanceof UnsupportedError) throw error;
    const reason = error instanceof Error ? (error.cause instanceof Error ? error.cause.message : error.message) : "";
    return new Transient(new IoError(`${this.label}: the connection failed: ${reason}`, { cause: error }));
  }

  #pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", done);
        this.#closing.signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal?.addEventListener("abort", done);
      this.#closing.signal.addEventListener("abort", done);
    });
  }

  #statusError({ status, statusText, headers }: Response): IoError {
    const hint =
      status === 401 || status === 403
        ? "; it needs an access token, or yours does not reach this file"
        : status === 404
          ? "; no such file"
          : status === 429 && headers.has("retry-after")
            ? `; it asks to wait ${headers.get("retry-after")}`
            : "";
    return new IoError(`${this.label}: the server answers ${status} ${statusText}`.trimEnd() + hint);
  }
}

function parseUrl(url: string | URL): URL {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch (cause) {
    throw new RequestError(`${quote(String(url))} is not a URL`, { cause });
  }
  if (parsed.protocol !== "https:" && parsed.protocol !== "http:") {
    throw new RequestError(`cannot open a ${parsed.protocol} URL, only http: and https:`);
  }
  if (parsed.username !== "" || parsed.password !== "") {
    throw new RequestError(`${parsed.origin}: put credentials into the headers option, not into the URL`);
  }
  return parsed;
}

function versionOf(response: Response, size: number): Version {
  return { size, validator: response.headers.get("etag") ?? response.headers.get("last-modified") ?? undefined };
}

/** The size in the Content-Range of a 416, if there is one. */
function totalOf(response: Response): number | undefined {
  const match = /^bytes \*\/(\d{1,16})$/.exec(response.headers.get("content-range") ?? "");
  return match === null ? undefined : Number(match[1]);
}

/** Retry-After is a number of seconds or a date. */
function retryAfterMs(response: Response): number | undefined {
  const header = response.headers.get("retry-after");
  if (header === null) return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(ms, 0);
}

/** Lets go of a body that nobody wants, so that its connection is freed. A body that already broke is gone as well. */
async function discard(response: Response): Promise<void> {
  await response.body?.cancel().catch(() => undefined);
}

/** The body piece by piece; cancelled when the consumer leaves early. (Not every browser can iterate a stream.) */
async function* chunksOf(response: Response, { signal }: Connection): AsyncGenerator<Uint8Array> {
  if (response.body === null) return;
  const reader: ReadableStreamDefaultReader<Uint8Array> = response.body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      signal.throwIfAborted();
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
