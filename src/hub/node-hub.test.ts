import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { HubServer, sendJson, type FileCall } from "../../test/support/hub-server.ts";
import { AbortedError, FormatError, IoError, RequestError } from "../util/errors.ts";
import type { LoadProgress } from "../util/load-progress.ts";
import type { HubOpenOptions } from "./hub.ts";
import { createNodeHub, type NodeHubOptions } from "./node-hub.node.ts";

/** A tenth is more than the megabyte after which a transfer counts as advancing. */
const size = 12 * 2 ** 20 + 7;
const weights = Uint8Array.from({ length: size }, (_, i) => Math.imul(i, 0x9e3779b1) >>> 24);
const small = { "config.json": "{}", "tokenizer.json": '{"a": 1}', "README.md": "# Read me" };
const model = { ...small, "model.safetensors": weights };
const id = { repository: "org/name" };

let server: HubServer;
let endpoint: string;
let cache: string;

beforeEach(async () => {
  server = await HubServer.start();
  endpoint = server.endpoint;
  cache = mkdtempSync(join(tmpdir(), "fewbit-hub-"));
});

afterEach(async () => {
  await server[Symbol.asyncDispose]().catch(() => undefined); // a test may have ended it
  rmSync(cache, { recursive: true, force: true });
});

const hub = (options: NodeHubOptions = {}) =>
  createNodeHub({
    endpoint,
    cacheFolder: cache,
    token: undefined,
    isOffline: false,
    usesLinks: true,
    backoffMs: 1,
    ...options,
  });

const open = (options: HubOpenOptions = {}) => hub().open(id, options);
const repository = (): string => join(cache, "models--org--name");
const blobs = (): readonly string[] => readdirSync(join(repository(), "blobs"));
const partials = (): readonly string[] => blobs().filter((name) => name.endsWith(".incomplete"));
const content = (path: string, name = "model.safetensors"): Buffer => readFileSync(join(path, name));

/** No partial files, no locks, no other leftovers. */
function expectClean(): void {
  expect(partials()).toEqual([]);
  for (const entry of readdirSync(cache, { recursive: true, withFileTypes: true })) {
    expect(entry.name).not.toMatch(/\.(lock|tmp)$/);
    if (entry.isSymbolicLink()) expect(existsSync(join(entry.parentPath, entry.name))).toBe(true);
  }
}

describe("a first opening", () => {
  test("brings what the model needs into the cache that others share", async () => {
    const commit = server.commit("org/name", model);
    const events: LoadProgress[] = [];
    const { folder, path, file } = await open({ onProgress: (event) => events.push(event) });
    expect(path).toBe(join(repository(), "snapshots", commit));
    expect(file).toBeUndefined();
    expect(await folder.list()).toEqual(["config.json", "model.safetensors", "tokenizer.json"]);
    expect(content(path).equals(weights)).toBe(true);
    expect(readFileSync(join(repository(), "refs", "main"), "utf8")).toBe(commit);
    for (const name of await folder.list())
      expect(readlinkSync(join(path, name))).toMatch(/^\.\.\/\.\.\/blobs\/[0-9a-f]+$/);
    expect(
      blobs()
        .map((name) => name.length)
        .sort(),
    ).toEqual([40, 40, 64]);
    expect(readFileSync(join(cache, "CACHEDIR.TAG"), "utf8")).toMatch(/^Signature: 8a477f597d28d172789f06886806bc55/);
    expectClean();
    const total = size + 2 + 8;
    expect(events[0]).toEqual({ phase: "download", bytesDone: 0, bytesTotal: total });
    expect(events.at(-1)).toMatchObject({ bytesDone: total, bytesTotal: total });
    const steps = events.map(({ bytesDone }) => bytesDone);
    expect(steps).toEqual(steps.toSorted((a, b) => a - b));
    expect(events.find((event) => event.file?.name === "config.json")?.file).toEqual({
      name: "config.json",
      bytesDone: 2,
      bytesTotal: 2,
    });
  });

  test("asks for each file once, and the token stays with the Hub", async () => {
    server.commit("org/name", model);
    server.token = "hf_secret";
    await open({ token: "hf_secret" });
    expect(server.requests).toHaveLength(2 + 3 + 1); // revision, tree, three files, one of them elsewhere
    expect(server.tokensAtCdn).toEqual([]);
  });

  test("fetches shards by their index, and the same content once", async () => {
    const shard = weights.slice(0, 1000);
    const names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    const index = JSON.stringify({ weight_map: { a: names[0], b: names[1] } });
    const files = { "config.json": "{}", "model.safetensors.index.json": index, [names[0]]: shard, [names[1]]: shard };
    server.commit("org/name", { ...files, "model-00003-of-00003.safetensors": weights });
    const { folder, path } = await open();
    expect(await folder.list()).toEqual(["config.json", ...names, "model.safetensors.index.json"]);
    for (const name of names) expect(content(path, name).equals(shard)).toBe(true);
    expect(blobs()).toHaveLength(3);
  });

  test("a GGUF file of a folder", async () => {
    const parts = ["Q4_0/m-Q4_0-00001-of-00002.gguf", "Q4_0/m-Q4_0-00002-of-00002.gguf"];
    server.commit("org/name", { [parts[0]]: "one", [parts[1]]: "two", "m-Q8_0.gguf": "other" });
    const { folder, file, path } = await hub().open({ ...id, variant: "q4_0" }, {});
    expect(file).toBe("m-Q4_0-00001-of-00002.gguf");
    expect(await folder.list()).toEqual([file, "m-Q4_0-00002-of-00002.gguf"]);
    expect(readFileSync(path, "utf8")).toBe("one");
    const missing = hub().open({ ...id, variant: "Q5_0" }, {});
    await expect(missing).rejects.toThrow(/no variant "Q5_0"; there are "Q4_0\/m-Q4_0", "m-Q8_0"/);
    await expect(missing).rejects.toThrow(RequestError);
  });

  test("branches, and pages of the list", async () => {
    server.commit("org/name", model);
    const commit = server.commit("org/name", { ...small, "output.safetensors": "4 bit" }, "refs/pr/1");
    server.pageSize = 1;
    const { path } = await hub().open({ ...id, revision: "refs/pr/1" }, {});
    expect(content(path, "output.safetensors").toString()).toBe("4 bit");
    expect(readFileSync(join(repository(), "refs", "refs", "pr", "1"), "utf8")).toBe(commit);
    expect(server.requests.filter((line) => line.includes("/tree/"))).toHaveLength(4);
  });

  test("an empty file needs no request", async () => {
    server.commit("org/name", { ...model, "merges.txt": "" });
    const { path } = await open();
    expect(content(path, "merges.txt")).toHaveLength(0);
  });

  test("without links, copies", async () => {
    server.commit("org/name", { ...small, "model.safetensors": "w" });
    const { path } = await hub({ usesLinks: false }).open(id, {});
    expect(lstatSync(join(path, "model.safetensors")).isFile()).toBe(true);
    expect(content(path).toString()).toBe("w");
  });
});

describe("a model that is here", () => {
  test("costs one request, and none for a commit or offline", async () => {
    const commit = server.commit("org/name", model);
    const { path } = await open();
    server.forget();
    expect((await open()).path).toBe(path);
    expect(server.requests).toEqual(["GET /api/models/org/name/revision/main"]);
    server.forget();
    expect((await hub().open({ ...id, revision: commit }, {})).path).toBe(path);
    expect((await open({ offline: true })).path).toBe(path);
    expect((await hub({ isOffline: true }).open(id, {})).path).toBe(path);
    expect(server.requests).toEqual([]);
  });

  test("is fetched anew where it changed, without what stayed the same", async () => {
    server.commit("org/name", model);
    const { path: before } = await open();
    server.commit("org/name", { ...model, "config.json": '{"new": true}' });
    server.forget();
    const { path } = await open();
    expect(content(path, "config.json").toString()).toBe('{"new": true}');
    expect([...server.bytesSent.keys()]).toEqual(["config.json"]);
    expect(content(before, "config.json").toString()).toBe("{}");
  });

  test("is completed where somebody else has fetched less", async () => {
    const commit = server.commit("org/name", model);
    const snapshot = join(repository(), "snapshots", commit);
    await open();
    rmSync(join(snapshot, "tokenizer.json"));
    const { folder } = await open();
    expect(await folder.list()).toContain("tokenizer.json");
    rmSync(join(snapshot, "model.safetensors"));
    await expect(open({ offline: true })).rejects.toThrow(/what it needs is not in the cache .*no \.safetensors/);
    server.forget();
    await open();
    expect(server.bytesSent.size).toBe(0); // the blob was there
  });

  test("is fetched again where a blob was cut short", async () => {
    server.commit("org/name", model);
    const { path } = await open();
    const blob = blobs().find((name) => name.length === 64) ?? "";
    truncateSync(join(repository(), "blobs", blob), 100);
    rmSync(join(path, "model.safetensors"));
    await open();
    expect(content(path).equals(weights)).toBe(true);
  });

  test.each<[string, () => void | Promise<void>]>([
    ["answers 503", () => void (server.onApi = ({ response }) => Boolean(response.writeHead(503).end()))],
    ["answers 401", () => void (server.token = "another")],
    ["is a hotel's login page", () => void (server.onApi = ({ response }) => Boolean(response.end("<html>Welcome")))],
    ["is away", () => server[Symbol.asyncDispose]()],
  ])("opens from the cache with one warning where the Hub %s", async (_, fail) => {
    server.commit("org/name", model);
    const { path } = await open();
    await fail();
    const warnings: string[] = [];
    expect((await open({ onWarning: (message) => warnings.push(message) })).path).toBe(path);
    expect(warnings).toEqual([expect.stringMatching(/: .*; org\/name is opened from the cache$/)]);
  });

  test("is not what offline means where it is not here", async () => {
    server.commit("org/name", model);
    await expect(open({ offline: true })).rejects.toThrow(/is not in the cache .*offline nothing is fetched/);
    expect(server.requests).toEqual([]);
  });
});

describe("a connection that breaks", () => {
  const drop = (share: number) => (call: FileCall) =>
    call.path === "model.safetensors" &&
    server.send(call, {
      end: Math.min(call.offset + Math.ceil(size * share), size),
      cut: call.offset < size * (1 - share),
    });

  test("at every tenth of a file is taken up where it broke", async () => {
    server.commit("org/name", model);
    server.onFile = drop(0.1);
    const { path } = await open();
    expect(content(path).equals(weights)).toBe(true);
    // Not a byte of what arrived twice; what was on its way when the connection broke was never seen.
    expect(server.bytesSent.get("model.safetensors")).toBeLessThan(size + 10 * 2 ** 17);
    expectClean();
  });

  test("for good leaves a part, which the next try continues", async () => {
    server.commit("org/name", model);
    server.onFile = (call) =>
      call.path === "model.safetensors" && (call.offset === 0 ? drop(0.3)(call) : Boolean(call.response.destroy()));
    await expect(open()).rejects.toThrow(/model\.safetensors: /);
    expect(partials()).toHaveLength(1);
    const there = lstatSync(join(repository(), "blobs", partials()[0])).size;
    expect(there).toBeGreaterThan(size * 0.29);
    expect(existsSync(join(repository(), "refs"))).toBe(false);
    server.onFile = () => false;
    server.forget();
    const events: LoadProgress[] = [];
    const { path } = await open({ onProgress: (event) => events.push(event) });
    expect(content(path).equals(weights)).toBe(true);
    expect(server.bytesSent.get("model.safetensors")).toBe(size - there);
    expect(events.some(({ file }) => file?.bytesDone === there)).toBe(true);
    expectClean();
  });

  test("in silence counts as broken", async () => {
    server.commit("org/name", model);
    server.onFile = (call) => {
      if (call.path !== "model.safetensors" || call.offset > 0) return false;
      call.response.writeHead(200, { "content-length": size, etag: `"${call.etag}"` });
      call.response.write(weights.subarray(0, 1000));
      return true;
    };
    const { path } = await hub({ downloadTimeoutMs: 300 }).open(id, {});
    expect(content(path).equals(weights)).toBe(true);
  });

  test("a server that ignores ranges sends the whole, and that is taken", async () => {
    server.commit("org/name", model);
    server.onFile = (call) =>
      call.path === "model.safetensors" && (call.count === 0 ? drop(0.3)(call) : server.send({ ...call, offset: 0 }));
    const { path } = await open();
    expect(content(path).equals(weights)).toBe(true);
  });

  test("a server that ignores ranges and always breaks is given up", async () => {
    server.commit("org/name", model);
    server.onFile = (call) =>
      call.path === "model.safetensors" && server.send({ ...call, offset: 0 }, { end: size / 2, cut: true });
    await expect(open()).rejects.toThrow(/had to begin anew 4 times/);
  });

  test("another content under the same name, meanwhile, begins anew", async () => {
    server.commit("org/name", model);
    server.onFile = (call) => {
      if (call.path !== "model.safetensors") return false;
      if (call.count === 0)
        return server.send({ ...call, content: new Uint8Array(size) }, { end: size / 2, cut: true, etag: "old" });
      return server.send(call, { etag: "new" });
    };
    const { path } = await open();
    expect(content(path).equals(weights)).toBe(true);
    expectClean();
  });

  test("Ctrl-C leaves a part, and the next try continues", async () => {
    server.commit("org/name", model);
    const controller = new AbortController();
    server.onFile = (call) => {
      if (call.path !== "model.safetensors") return false;
      call.response.writeHead(200, { "content-length": size });
      call.response.write(weights.subarray(0, 2 ** 20));
      return true;
    };
    const opening = open({
      signal: controller.signal,
      onProgress: ({ file }) => file?.name === "model.safetensors" && file.bytesDone >= 2 ** 20 && controller.abort(),
    });
    // Progress is told now and then; the rest of the megabyte may come untold.
    const timer = setTimeout(() => controller.abort(), 1500);
    await expect(opening).rejects.toThrow(AbortedError);
    clearTimeout(timer);
    expect(partials()).toHaveLength(1);
    server.onFile = () => false;
    server.forget();
    await open();
    expect(server.bytesSent.get("model.safetensors")).toBeLessThan(size);
    expectClean();
  });
});

describe("content that is not what it claims to be", () => {
  const wrong = weights.slice();
  wrong[1000] ^= 1;

  test("never gets its name", async () => {
    server.commit("org/name", model);
    server.onFile = (call) => call.path === "model.safetensors" && server.send({ ...call, content: wrong });
    await expect(open()).rejects.toThrow(/what arrived is not the file: its SHA-256 is not [0-9a-f]{64}/);
    await expect(open()).rejects.toThrow(FormatError);
    expect(blobs().filter((name) => name.length === 64)).toEqual([]);
    expectClean();
  });

  test("a small file neither, by its git hash", async () => {
    server.commit("org/name", model);
    const forged = new TextEncoder().encode("[]");
    server.onFile = (call) => call.path === "config.json" && server.send({ ...call, content: forged });
    await expect(open()).rejects.toThrow(/config\.json: what arrived is not the file: its SHA-1 as a git blob/);
  });

  test("a part that was damaged on the disk is fetched anew, once", async () => {
    server.commit("org/name", model);
    server.onFile = (call) =>
      call.path === "model.safetensors" && (call.count < 5 ? server.send(call, { end: size / 2, cut: true }) : false);
    await expect(open()).rejects.toThrow(IoError);
    const [part] = partials();
    writeFileSync(join(repository(), "blobs", part), wrong.subarray(0, 2000));
    const { path } = await open();
    expect(content(path).equals(weights)).toBe(true);
    writeFileSync(join(repository(), "blobs", `${part}`), weights); // larger than any part of another file
    rmSync(join(repository(), "blobs", part.replace(".fewbit.incomplete", "")));
    server.forget();
    rmSync(join(path, "model.safetensors"));
    await open();
    expect(server.bytesSent.size).toBe(0); // all was there, and its hash is right
  });

  test("the right length announced, less sent", async () => {
    server.commit("org/name", model);
    server.onFile = (call) => call.path === "model.safetensors" && server.send(call, { end: size - 1, cut: true });
    await expect(open()).rejects.toThrow(/connection/);
  });

  test("more than the list says", async () => {
    server.commit("org/name", model);
    const longer = new Uint8Array(size + 1);
    server.onFile = (call) => call.path === "model.safetensors" && server.send({ ...call, content: longer });
    await expect(open()).rejects.toThrow(/sends more than the \d+ bytes/);
  });

  test("a Hub that contradicts its own list", async () => {
    server.commit("org/name", model);
    server.onApi = ({ url, response }) => {
      if (!url.pathname.includes("/tree/")) return false;
      const lfs = { oid: "ab".repeat(32), size };
      sendJson(response, [{ type: "file", path: "model.safetensors", oid: "ab".repeat(20), size, lfs }]);
      return true;
    };
    await expect(open()).rejects.toThrow(/its hash is "[0-9a-f]{64}" now, the list of files says/);
  });
});

describe("refusals", () => {
  test.each([
    ["no such repository", "other/name", undefined, /other\/name@main: .*no such repository/],
    ["no such revision", "org/name", "v9", /org\/name@v9: there is no such revision/],
  ])("%s", async (_, name, revision, message) => {
    server.commit("org/name", model);
    const opening = hub().open({ repository: name, ...(revision !== undefined && { revision }) }, {});
    await expect(opening).rejects.toThrow(message);
    await expect(opening).rejects.toThrow(IoError);
  });

  test("a private repository, with and without a token", async () => {
    server.commit("org/name", model);
    server.token = "hf_right";
    await expect(open()).rejects.toThrow(/401.*token in HF_TOKEN/);
    await expect(open({ token: "hf_wrong" })).rejects.toThrow(/401.*your token does not reach it/);
    await expect(open({ token: "hf wrong\n" })).rejects.toThrow(RequestError);
    await open({ token: "hf_right" });
  });

  test("a gated one", async () => {
    server.commit("org/name", model);
    server.onApi = ({ response }) => Boolean(response.writeHead(403, { "x-error-code": "GatedRepo" }).end());
    await expect(open()).rejects.toThrow(/is gated: accept its conditions on http/);
  });

  test("429 waits as long as it is told, and not for hours", async () => {
    server.commit("org/name", model);
    server.onApi = ({ response, count }) =>
      count === 0 && Boolean(response.writeHead(429, { "retry-after": "1" }).end());
    const start = performance.now();
    await open();
    expect(performance.now() - start).toBeGreaterThan(950);
    server.onApi = ({ response }) => Boolean(response.writeHead(429, { "retry-after": "3600" }).end());
    await expect(hub().open({ repository: "org/other" }, {})).rejects.toThrow(/429; it asks to wait "3600" seconds/);
  });

  test("5xx is tried again, and then said", async () => {
    server.commit("org/name", model);
    server.onApi = ({ response, count }) => count < 2 && Boolean(response.writeHead(502).end());
    server.onFile = ({ response, count }) => count < 2 && Boolean(response.writeHead(500).end());
    await open();
    server.onFile = ({ response }) => Boolean(response.writeHead(503).end());
    rmSync(repository(), { recursive: true });
    await expect(open()).rejects.toThrow(/answers 503/);
  });
});

describe("a hostile server", () => {
  const answerApi = (
    part: string,
    answer: (call: { readonly page: number }) => { body: unknown; next?: string },
  ): void => {
    let page = 0;
    server.onApi = ({ url, response }) => {
      if (!url.pathname.includes(part)) return false;
      const { body, next } = answer({ page: page++ });
      if (next !== undefined) response.setHeader("link", `<${next}>; rel="next"`);
      sendJson(response, body);
      return true;
    };
  };
  const entry = (path: string) => ({ type: "file", path, size: 1, oid: "ab".repeat(20) });

  test.each([
    "../../../x-Q4_0.gguf",
    "/tmp/x-Q4_0.gguf",
    "a/../../x-Q4_0.gguf",
    "a\\..\\x-Q4_0.gguf",
    "NUL/x-Q4_0.gguf",
    "C:x-Q4_0.gguf",
  ])("cannot place %s", async (path) => {
    server.commit("org/name", model);
    answerApi("/tree/", () => ({ body: [entry(path)] }));
    await expect(hub().open({ ...id, variant: "Q4_0" }, {})).rejects.toThrow(/refuses to store/);
    expect(blobs()).toEqual([]);
  });

  test.each<[string, unknown]>([
    ["a hash that is a path", [{ ...entry("model.safetensors"), oid: "../../../../../../../../../../../etc/pwd" }]],
    ["a size that is none", [{ ...entry("model.safetensors"), size: 1e20 }]],
    ["no list", { error: "none" }],
  ])("gives %s", async (_, body) => {
    server.commit("org/name", model);
    answerApi("/tree/", () => ({ body }));
    await expect(open()).rejects.toThrow(FormatError);
  });

  test("lists a million files", async () => {
    server.commit("org/name", model);
    const many = Array.from({ length: 20_000 }, (_, i) => entry(`f${i}`));
    answerApi("/tree/", ({ page }) => ({ body: many, next: `?recursive=true&cursor=${page}` }));
    await expect(open()).rejects.toThrow(/lists more than 100000 files/);
    answerApi("/revision/", () => ({
      body: { sha: "ab".repeat(20), siblings: new Array(100_001).fill({ rfilename: "x" }) },
    }));
    await expect(open()).rejects.toThrow(/lists more than 100000 files/);
  });

  test("lists the same page again and again", async () => {
    server.commit("org/name", model);
    answerApi("/tree/", () => ({ body: [], next: "?recursive=true&cursor=1" }));
    await expect(open()).rejects.toThrow(/has no end/);
    answerApi("/tree/", ({ page }) => ({ body: [], next: `?recursive=true&cursor=${page}` }));
    await expect(open()).rejects.toThrow(/has no end/);
  });

  test("sends the list elsewhere: the cursor is taken, the place is not", async () => {
    server.commit("org/name", model);
    answerApi("/tree/", ({ page }) =>
      page === 0 ? { body: [], next: `${server.cdn}/evil?cursor=1` } : { body: [entry("x.gguf")] },
    );
    await open().catch(() => undefined);
    expect(server.requests.filter((line) => line.includes("evil"))).toEqual([]);
    expect(server.requests.filter((line) => line.includes("/tree/"))).toHaveLength(2);
  });

  test.each([
    ["in a circle", () => `${server.endpoint}/api/models/org/name/revision/main`, /redirected more than 8 times/],
    ["to a file", () => "file:///etc/passwd", /redirected to a file: URL/],
    ["nowhere", () => "http://[", /which is no URL/],
  ])("redirects %s", async (_, location, message) => {
    server.onApi = ({ response }) => Boolean(response.writeHead(302, { location: location() }).end());
    await expect(open()).rejects.toThrow(message);
  });

  test("a stranger that sends us back does not get the token to come along", async () => {
    server.commit("org/name", model);
    const seen: unknown[] = [];
    server.onApi = ({ url, request, response }) => {
      if (!url.pathname.includes("/revision/")) return false;
      seen.push(request.headers.authorization);
      if (seen.length > 1) return false;
      // The same server by another name is another origin.
      response
        .writeHead(307, { location: `${server.endpoint.replace("127.0.0.1", "localhost")}${url.pathname}` })
        .end();
      return true;
    };
    await open({ token: "hf_secret" });
    expect(seen).toEqual(["Bearer hf_secret", undefined]);
  });

  test("an answer without end", async () => {
    server.onApi = ({ response }) => {
      const piece = Buffer.alloc(2 ** 20, " ");
      const more = (): void => {
        while (response.write(piece));
        response.once("drain", more);
      };
      more();
      return true;
    };
    await expect(open()).rejects.toThrow(/more than 67108864 bytes/);
  });
});

describe("settings", () => {
  test.each(["ftp://hub", "hub", "http://user:secret@hub/"])("HF_ENDPOINT %s is refused", async (endpoint) => {
    await expect(hub({ endpoint }).open(id, {})).rejects.toThrow(RequestError);
  });

  test("a cache that cannot be written says so", async () => {
    server.commit("org/name", model);
    const cacheFolder = join(cache, "file");
    writeFileSync(cacheFolder, "in the way");
    await expect(hub({ cacheFolder }).open(id, {})).rejects.toThrow(/cannot be written/);
  });

  test("a disk without room says so before anything is fetched", async () => {
    server.commit("org/name", model);
    await mkdir(repository(), { recursive: true });
    server.onApi = ({ url, response }) => {
      if (!url.pathname.includes("/tree/")) return false;
      const lfs = { oid: "ab".repeat(32), size: 2 ** 52 };
      sendJson(response, [{ type: "file", path: "model.safetensors", oid: "ab".repeat(20), size: 134, lfs }]);
      return true;
    };
    await expect(open()).rejects.toThrow(/needs 4503599\.63 GB more, and the disk of .* left/);
    expect(server.bytesSent.size).toBe(0);
  });
});
