import { IoError, RequestError, UnsupportedError } from "../util/errors.ts";
import { quote } from "../util/quote.ts";
import { checkRead, closedError, destination, type ByteSource, type ReadOptions } from "./byte-source.ts";
import { chunksOf, contentRange, discard, isTransientStatus, retryAfterMs } from "./response.ts";
import { retrying, Transient, type Connection, type Patience } from "./retrying.ts";

export interface OpenHttpOptions extends Patience {
  /** Sent with every request, for example an authorization. Never appears in messages. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Gives up the opening; reads have signals of their own. */
  readonly signal?: AbortSignal;
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
        for await (const chunk of chunksOf(response, connection.signal)) {
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
    if (isTransientStatus(response.status)) {
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
    const range = contentRange(response);
    if (range === undefined) {
      const header = response.headers.get("content-range");
      const found = header === null ? "has no readable Content-Range" : `has Content-Range ${quote(header)}`;
      throw new UnsupportedError(
        `${this.label}: the answer ${found}; "bytes first-last/size" is needed (and must be exposed to scripts by CORS)`,
      );
    }
    const { first, last, total } = range;
    if (first !== start || last < first || last >= end || last >= total || !Number.isSafeInteger(total)) {
      const found = `bytes ${first}-${last}/${total}`;
      throw new IoError(`${this.label}: asked for bytes ${start}-${end - 1}, the server answers ${quote(found)}`);
    }
    return { end: last + 1, total };
  }

  retrying<Result>(
    signal: AbortSignal | undefined,
    attempt: (connection: Connection) => Promise<Result>,
  ): Promise<Result> {
    const closing = { signal: this.#closing.signal, error: () => closedError(this.label) };
    return retrying({ ...this.#options, label: this.label, signal, closing }, attempt);
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
