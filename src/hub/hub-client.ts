import { chunksOf, discard, isTransientStatus, retryAfterMs } from "../io/response.ts";
import { retrying, Transient, type Connection } from "../io/retrying.ts";
import { FormatError, IoError, RequestError } from "../util/errors.ts";
import { parseJson, type JsonValue } from "../util/json.ts";
import { quote } from "../util/quote.ts";
import { redirectTarget } from "./redirect-target.ts";
import {
  parseRevisionInfo,
  parseTreePage,
  requireCount,
  type RepositoryFile,
  type RevisionInfo,
} from "./repository-file.ts";

export interface HubClientOptions {
  /** "https://huggingface.co", or a mirror. */
  readonly endpoint: string;
  readonly token?: string | undefined;
  /** How long an answer about a repository may let wait for its next byte. */
  readonly metadataTimeoutMs: number;
  /** The same for the content of files. */
  readonly downloadTimeoutMs: number;
  /** As in Patience. */
  readonly backoffMs?: number;
}

/** The Hub says no: what is asked for is not there, whatever the cache has. Reaction: another name. */
export class NotOnHubError extends IoError {}

interface Answer {
  readonly response: Response;
  /** What the Hub itself said of the file before it sent us elsewhere: X-Linked-ETag without its quotes. */
  readonly linkedHash: string | undefined;
}

const maxRedirects = 8;
const maxJsonBytes = 64 * 2 ** 20;
const maxPages = 1000;

/**
 * The Hub's HTTP API, as much of it as a download needs. It follows redirects itself: the token is for the endpoint and goes nowhere else,
 * and what begins as HTTPS does not end as HTTP. For hosts whose fetch shows redirects (Node's; browsers hide them).
 */
export class HubClient {
  readonly #endpoint: URL;
  readonly #options: HubClientOptions;

  /** Throws RequestError for an endpoint that is no URL of HTTP. */
  constructor(options: HubClientOptions) {
    this.#endpoint = parseEndpoint(options.endpoint);
    this.#options = options;
  }

  get downloadTimeoutMs(): number {
    return this.#options.downloadTimeoutMs;
  }

  get backoffMs(): number | undefined {
    return this.#options.backoffMs;
  }

  /** Which commit a revision is now, and its files. One request; `attempts` as in Patience. */
  async resolve(
    repository: string,
    revision: string,
    { signal, attempts }: { readonly signal: AbortSignal | undefined; readonly attempts?: number },
  ): Promise<RevisionInfo> {
    const url = this.#url(`api/models/${repository}/revision/${encodeURIComponent(revision)}`);
    const { json } = await this.#json(url, `${repository}@${revision}`, { signal, attempts });
    return parseRevisionInfo(json, labelOf(url));
  }

  /** All files of a commit, page by page. Throws FormatError for more than a model has, and for pages without end. */
  async list(repository: string, commit: string, signal: AbortSignal | undefined): Promise<readonly RepositoryFile[]> {
    const first = this.#url(`api/models/${repository}/tree/${commit}`);
    first.searchParams.set("recursive", "true");
    const files: RepositoryFile[] = [];
    const seen = new Set<string>();
    for (let url: URL | undefined = first; url !== undefined;) {
      const label = labelOf(url);
      if (seen.has(url.href) || seen.size === maxPages) throw new FormatError(`${label}: the list of files has no end`);
      seen.add(url.href);
      const { json, next } = await this.#json(url, `${repository}@${commit}`, { signal });
      for (const file of parseTreePage(json, label)) files.push(file);
      requireCount(files.length, label);
      url = next === undefined ? undefined : pageAt(first, next);
    }
    return files;
  }

  /** Where a file of a commit is, for messages. */
  fileLabel(repository: string, commit: string, path: string): string {
    return labelOf(this.#fileUrl(repository, commit, path));
  }

  /**
   * One attempt at the content of a file from byte `offset`: a 206, a 200 with the whole file, or a 416, whose body the caller reads or
   * discards. Throws Transient for what `retrying` may try again.
   */
  async request(
    repository: string,
    commit: string,
    file: RepositoryFile,
    { offset, connection }: { readonly offset: number; readonly connection: Connection },
  ): Promise<Response> {
    const url = this.#fileUrl(repository, commit, file.path);
    const headers: Record<string, string> = offset > 0 ? { range: `bytes=${offset}-` } : {};
    const { response, linkedHash } = await this.#send(url, headers, connection);
    if (response.status === 416 && offset > 0) return response;
    await this.#requireOk(response, labelOf(url), `${repository}@${commit}: ${quote(file.path)}`);
    if (linkedHash !== undefined && linkedHash !== file.hash) {
      await discard(response);
      throw new FormatError(
        `${labelOf(url)}: its hash is ${quote(linkedHash)} now, the list of files says ${quote(file.hash)}`,
      );
    }
    return response;
  }

  async #json(
    url: URL,
    what: string,
    { signal, attempts }: { readonly signal: AbortSignal | undefined; readonly attempts?: number | undefined },
  ): Promise<{ readonly json: JsonValue; readonly next: string | undefined }> {
    const label = labelOf(url);
    const { metadataTimeoutMs: stallMs, backoffMs } = this.#options;
    const patience = {
      stallMs,
      ...(attempts !== undefined && { attempts }),
      ...(backoffMs !== undefined && { backoffMs }),
    };
    return retrying({ label, signal, ...patience }, async (connection) => {
      const { response } = await this.#send(url, { accept: "application/json" }, connection);
      await this.#requireOk(response, label, what);
      const bytes = await readAll(response, connection, label);
      return { json: parseJson(bytes, label, { maxBytes: maxJsonBytes, maxDepth: 16 }), next: nextPage(response) };
    });
  }

  /** Sends a GET and follows redirects. */
  async #send(start: URL, headers: Readonly<Record<string, string>>, { signal }: Connection): Promise<Answer> {
    const { token } = this.#options;
    let url = start;
    let isAtHome = true; // a stranger that sends us back learns nothing either
    let linkedHash: string | undefined;
    for (let hops = 0; hops <= maxRedirects; hops++) {
      const response = await fetch(url, {
        redirect: "manual",
        signal,
        headers: {
          ...headers,
          "accept-encoding": "identity", // sizes and ranges are those of the file
          "user-agent": "fewbit",
          ...(isAtHome && token !== undefined && { authorization: `Bearer ${token}` }),
        },
      });
      if (isAtHome) linkedHash ??= hashIn(response.headers.get("x-linked-etag"));
      const location = response.headers.get("location");
      if (response.status < 300 || response.status > 399 || response.status === 304 || location === null)
        return { response, linkedHash };
      await discard(response);
      url = redirectTarget(url, location, labelOf(start));
      isAtHome &&= url.origin === this.#endpoint.origin;
    }
    throw new IoError(`${labelOf(start)}: is redirected more than ${maxRedirects} times`);
  }

  async #requireOk(response: Response, label: string, what: string): Promise<void> {
    const { status } = response;
    if (status === 200 || status === 206) return;
    await discard(response);
    if (isTransientStatus(status)) {
      const wait = response.headers.get("retry-after");
      const hint = wait === null ? "" : `; it asks to wait ${quote(wait)}${/^\d+$/.test(wait) ? " seconds" : ""}`;
      throw new Transient(new IoError(`${label}: the server answers ${status}${hint}`), retryAfterMs(response));
    }
    throw this.#refusal(response, label, what);
  }

  /** X-Error-Code says more than the status: a repository that is private, gated or not there at all is a 401 to a stranger. */
  #refusal({ status, headers }: Response, label: string, what: string): IoError {
    const code = headers.get("x-error-code");
    const hasToken = this.#options.token !== undefined;
    if (code === "GatedRepo") {
      const how = hasToken ? "with the account of your token" : "and set HF_TOKEN";
      return new IoError(`${what} is gated: accept its conditions on ${this.#endpoint.origin} ${how}`);
    }
    if (code === "RevisionNotFound") return new NotOnHubError(`${what}: there is no such revision`);
    if (code === "EntryNotFound") return new NotOnHubError(`${what}: there is no such file`);
    if (status === 401 || status === 403) {
      const message = headers.get("x-error-message");
      const said = `the server answers ${status}${message === null ? "" : ` ${quote(message)}`}`;
      return new IoError(
        hasToken
          ? `${what}: ${said}: there is no such repository, or your token does not reach it`
          : `${what}: ${said}: there is no such repository, or it is private; a token in HF_TOKEN opens yours`,
      );
    }
    if (status === 404)
      return new NotOnHubError(`${what}: there is no such repository or revision on ${this.#endpoint.origin}`);
    return new IoError(`${label}: the server answers ${status}`);
  }

  #fileUrl(repository: string, commit: string, path: string): URL {
    return this.#url(`${repository}/resolve/${commit}/${path.split("/").map(encodeURIComponent).join("/")}`);
  }

  #url(path: string): URL {
    return new URL(path, this.#endpoint);
  }
}

function parseEndpoint(endpoint: string): URL {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "")
    throw new RequestError(`HF_ENDPOINT: ${quote(endpoint)} is no URL of a Hub, such as "https://huggingface.co"`);
  url.search = url.hash = "";
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  return url;
}

/** The query of a signed URL is a secret. */
function labelOf(url: URL): string {
  return url.origin + url.pathname;
}

function hashIn(etag: string | null): string | undefined {
  return etag?.replace(/^W\//, "").replaceAll('"', "");
}

/** `Link: <URL>; rel="next"` of RFC 8288. */
function nextPage(response: Response): string | undefined {
  return /<([^<>]*)>\s*;\s*rel="?next"?/.exec(response.headers.get("link") ?? "")?.[1];
}

/** The same list from another cursor on: a mirror may pass on the Hub's own host, and nobody leads us to a third. */
function pageAt(list: URL, next: string): URL {
  const page = new URL(list);
  if (URL.canParse(next, list.href)) page.search = new URL(next, list).search;
  return page;
}

async function readAll(response: Response, connection: Connection, label: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunksOf(response, connection.signal)) {
    connection.received(chunk.byteLength);
    chunks.push(chunk);
    length += chunk.byteLength;
    if (length > maxJsonBytes) throw new FormatError(`${label}: the answer has more than ${maxJsonBytes} bytes`);
  }
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}
