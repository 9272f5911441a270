import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A request for a file's content as the test may answer it. */
export interface FileCall {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: string;
  readonly content: Uint8Array;
  readonly etag: string;
  /** First byte that is asked for. */
  readonly offset: number;
  /** How many requests for this file came before. */
  readonly count: number;
}

/** What a test does with a request instead of the honest answer: true when it has answered. */
export type Fault<Call> = (call: Call) => boolean;

export interface ApiCall {
  readonly url: URL;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly count: number;
}

interface Repository {
  readonly branches: Map<string, string>;
  readonly commits: Map<string, ReadonlyMap<string, Uint8Array>>;
}

/**
 * The Hub's API over real HTTP on loopback, and a second server that has the large files (".safetensors" and ".gguf", as git LFS), to which the
 * first redirects with a signed URL. Counts what it sends.
 */
export class HubServer implements AsyncDisposable {
  /** "METHOD PATH", of both servers. */
  readonly requests: string[] = [];
  /** Authorization headers as they arrived at the second server. */
  readonly tokensAtCdn: string[] = [];
  readonly bytesSent = new Map<string, number>();
  pageSize = 1000;
  /** What a private repository wants to be asked with. */
  token: string | undefined;
  onApi: Fault<ApiCall> = () => false;
  onFile: Fault<FileCall> = () => false;
  readonly #repositories = new Map<string, Repository>();
  readonly #counts = new Map<string, number>();
  readonly #hub: Server;
  readonly #cdn: Server;

  private constructor() {
    this.#hub = createServer((request, response) => this.#answer(request, response));
    this.#cdn = createServer((request, response) => this.#answerCdn(request, response));
  }

  static async start(): Promise<HubServer> {
    const server = new HubServer();
    for (const one of [server.#hub, server.#cdn])
      await new Promise<void>((resolve) => one.listen(0, "127.0.0.1", resolve));
    return server;
  }

  get endpoint(): string {
    return originOf(this.#hub);
  }

  get cdn(): string {
    return originOf(this.#cdn);
  }

  /** A new commit of a branch with these files; gives its name. */
  commit(name: string, files: Readonly<Record<string, Uint8Array | string>>, branch = "main"): string {
    const contents = new Map(
      Object.entries(files).map(([path, content]) => [
        path,
        typeof content === "string" ? new TextEncoder().encode(content) : content,
      ]),
    );
    const hash = createHash("sha1");
    for (const [path, content] of contents) hash.update(`${path}\0${content.byteLength}\0`).update(content);
    const commit = hash.digest("hex");
    const repository = this.#repositories.get(name) ?? { branches: new Map(), commits: new Map() };
    repository.branches.set(branch, commit);
    repository.commits.set(commit, contents);
    this.#repositories.set(name, repository);
    return commit;
  }

  /** What was asked and sent since the last time is forgotten. */
  forget(): void {
    this.requests.length = 0;
    this.bytesSent.clear();
  }

  /** Sends a file from the offset that was asked for up to `end`, and counts. `cut`: drops the connection then. */
  send(call: FileCall, { end = call.content.byteLength, cut = false, etag = call.etag } = {}): true {
    const { response, content, offset, path } = call;
    const headers: Record<string, string | number> = {
      etag: `"${etag}"`,
      "accept-ranges": "bytes",
      "content-length": content.byteLength - offset,
    };
    if (offset > 0) headers["content-range"] = `bytes ${offset}-${content.byteLength - 1}/${content.byteLength}`;
    response.writeHead(offset > 0 ? 206 : 200, headers);
    const body = content.subarray(offset, end);
    this.bytesSent.set(path, (this.bytesSent.get(path) ?? 0) + body.byteLength);
    if (!cut) response.end(body);
    else response.write(body, () => setTimeout(() => response.destroy(), 5));
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const one of [this.#hub, this.#cdn]) {
      one.closeAllConnections();
      await new Promise((resolve) => one.close(resolve));
    }
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? "", this.endpoint);
    const count = this.#count(request, url);
    const [, apiName, kind, revision] =
      /^\/api\/models\/([^/]+\/[^/]+)\/(revision|tree)\/([^/]+)$/.exec(url.pathname) ?? [];
    const [, fileName, commit, path] = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(url.pathname) ?? [];
    const repository = this.#repositories.get(apiName ?? fileName ?? "");
    const isAllowed = this.token === undefined || request.headers.authorization === `Bearer ${this.token}`;
    if (apiName !== undefined && this.onApi({ url, request, response, count })) return;
    if (repository === undefined || !isAllowed) return refuse(response, isAllowed ? 404 : 401, "RepoNotFound");
    const name = decodeURIComponent(revision ?? commit ?? "");
    const resolved = repository.branches.get(name) ?? name;
    const files = repository.commits.get(resolved);
    if (files === undefined) return refuse(response, 404, "RevisionNotFound");
    if (kind === "revision") {
      const siblings = [...files.keys()].map((rfilename) => ({ rfilename }));
      return sendJson(response, { id: apiName, modelId: apiName, sha: resolved, private: false, siblings });
    }
    if (kind === "tree") return this.#sendTree(url, response, files);
    const wanted = decodeURIComponent(path ?? "");
    const content = files.get(wanted);
    if (content === undefined) return refuse(response, 404, "EntryNotFound");
    const hash = hashOf(wanted, content);
    response.setHeader("x-repo-commit", resolved);
    if (!isLarge(wanted)) return this.#sendFile({ request, response, path: wanted, content, etag: hash, count });
    response.setHeader("x-linked-etag", `"${hash}"`).setHeader("x-linked-size", content.byteLength);
    const query = new URLSearchParams({ path: wanted, signature: "secret", name: fileName ?? "", commit: resolved });
    response.writeHead(302, { location: `${this.cdn}/${hash}?${query.toString()}` }).end();
  }

  #answerCdn(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? "", this.cdn);
    const count = this.#count(request, url);
    const { authorization } = request.headers;
    if (authorization !== undefined) this.tokensAtCdn.push(authorization);
    const path = url.searchParams.get("path") ?? "";
    const files = this.#repositories.get(url.searchParams.get("name") ?? "")?.commits;
    const content = files?.get(url.searchParams.get("commit") ?? "")?.get(path);
    if (content === undefined) return refuse(response, 404, "EntryNotFound");
    this.#sendFile({ request, response, path, content, etag: `cdn-${url.pathname.slice(1, 9)}`, count });
  }

  #sendFile(call: Omit<FileCall, "offset">): void {
    const offset = Number(/^bytes=(\d+)-$/.exec(call.request.headers.range ?? "")?.[1] ?? 0);
    if (call.request.method === "HEAD") {
      call.response.writeHead(200, { etag: `"${call.etag}"`, "content-length": call.content.byteLength }).end();
    } else if (!this.onFile({ ...call, offset })) this.send({ ...call, offset });
  }

  #sendTree(url: URL, response: ServerResponse, files: ReadonlyMap<string, Uint8Array>): void {
    const start = Number(url.searchParams.get("cursor") ?? 0);
    const entries = [...files].map(([path, content]) => ({
      type: "file",
      path,
      size: content.byteLength,
      oid: gitHash(content),
      ...(isLarge(path) && { lfs: { oid: hashOf(path, content), size: content.byteLength, pointerSize: 134 } }),
    }));
    if (start + this.pageSize < entries.length) {
      const next = new URL(url);
      next.searchParams.set("cursor", String(start + this.pageSize));
      response.setHeader("link", `<${next.href}>; rel="next"`);
    }
    sendJson(response, entries.slice(start, start + this.pageSize));
  }

  #count(request: IncomingMessage, url: URL): number {
    const key = `${request.method} ${url.pathname}`;
    this.requests.push(key);
    const count = this.#counts.get(key) ?? 0;
    this.#counts.set(key, count + 1);
    return count;
  }
}

export function sendJson(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(value));
}

function refuse(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { "x-error-code": code }).end();
}

function originOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function isLarge(path: string): boolean {
  return /\.(safetensors|gguf)$/.test(path);
}

function hashOf(path: string, content: Uint8Array): string {
  return isLarge(path) ? createHash("sha256").update(content).digest("hex") : gitHash(content);
}

function gitHash(content: Uint8Array): string {
  return createHash("sha1").update(`blob ${content.byteLength}\0`).update(content).digest("hex");
}
