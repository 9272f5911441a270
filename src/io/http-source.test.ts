import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { AbortedError, IoError, RequestError, UnsupportedError } from "../util/errors.ts";
import { openHttp, type OpenHttpOptions } from "./http-source.ts";

const content = Uint8Array.from({ length: 3 * 2 ** 20 + 7 }, (_, i) => Math.imul(i, 0x9e3779b1) >>> 24);

interface Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly first: number;
  readonly last: number;
  /** How many requests came before this one. */
  readonly count: number;
}

/** What the server does with a request; the honest answer unless a test says otherwise. */
type Behaviour = (call: Call) => void;

const answer = ({ response, first, last }: Call, headers: Record<string, string> = {}): void => {
  const range = { "content-range": `bytes ${first}-${last}/${content.length}`, etag: '"v1"', ...headers };
  response.writeHead(206, range).end(content.subarray(first, last + 1));
};

let server: Server;
let url: string;
let behaviour: Behaviour;
let ranges: string[];

beforeAll(async () => {
  server = createServer((request, response) => {
    const range = request.headers.range ?? "";
    const [first, last] = /^bytes=(\d+)-(\d+)$/.exec(range)?.slice(1).map(Number) ?? [];
    ranges.push(range);
    behaviour({ request, response, first, last, count: ranges.length - 1 });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/model.safetensors`;
});

beforeEach(() => {
  behaviour = answer;
  ranges = [];
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const open = (options: OpenHttpOptions = {}) => openHttp(`${url}?token=secret`, { backoffMs: 1, ...options });

/** Opens honestly, then misbehaves. */
async function openThen(next: Behaviour, options?: OpenHttpOptions) {
  behaviour = answer;
  const source = await open(options);
  ranges = [];
  behaviour = next;
  return source;
}

test("asks for exactly the bytes it wants, with the caller's headers", async () => {
  const headers: IncomingMessage["headers"][] = [];
  behaviour = (call) => {
    headers.push(call.request.headers);
    answer(call);
  };
  await using source = await open({ headers: { authorization: "Bearer x" } });
  expect(await source.read(1000, 10)).toEqual(content.slice(1000, 1010));
  expect(ranges).toEqual(["bytes=0-0", "bytes=1000-1009"]);
  // Ranges of a compressed answer would count compressed bytes.
  const expected = expect.objectContaining({ authorization: "Bearer x", "accept-encoding": "identity" }) as unknown;
  expect(headers).toEqual([expected, expected]);
});

test("the label leaves out the query, where signatures live", async () => {
  await using source = await open();
  expect(source.label).toBe(url);
});

describe("opening refuses", () => {
  test("a server that ignores ranges, without downloading the file", async () => {
    let sent = 0;
    behaviour = ({ response }) => {
      response.writeHead(200, { "content-length": String(2 ** 40) });
      const chunk = Buffer.alloc(2 ** 16);
      const more = (): void => {
        while (!response.destroyed && sent < 2 ** 28) {
          sent += chunk.length;
          if (!response.write(chunk)) return;
        }
      };
      response.on("drain", more);
      more();
    };
    const error: unknown = await open().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UnsupportedError);
    expect(String(error)).toMatch(/ignores range requests/);
    expect(sent).toBeLessThan(2 ** 26);
  });

  test.each([
    [404, IoError, /answers 404 Not Found; no such file/],
    [401, IoError, /401 Unauthorized; it needs an access token/],
    [416, IoError, /416/],
    [302, IoError, /302/],
  ])("status %i", async (status, type, message) => {
    behaviour = ({ response }) => response.writeHead(status).end("no");
    await expect(open()).rejects.toThrow(type);
    await expect(open()).rejects.toThrow(message);
    expect(ranges.length).toBe(2); // one each: waiting does not help here
  });

  test.each([
    ["none", UnsupportedError],
    ["bytes 0-0/*", UnsupportedError],
    ["items 0-0/10", UnsupportedError],
    ["bytes 1-1/10", IoError],
    ["bytes 0-5/10", IoError],
    ["bytes 0-0/0", IoError],
    ["bytes 0-0/9999999999999999", IoError], // above 2^53
    ["bytes 0-0/99999999999999999", UnsupportedError],
  ])("Content-Range %s", async (value, type) => {
    behaviour = ({ response }) =>
      response.writeHead(206, value === "none" ? {} : { "content-range": value }).end(content.subarray(0, 1));
    await expect(open()).rejects.toThrow(type);
  });

  test.each(["ftp://host/x", "file:///etc/passwd", "not a url", "https://user:password@host/x"])("%s", async (bad) => {
    const error: unknown = await openHttp(bad).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(RequestError);
    expect(String(error)).not.toContain("password@");
  });
});

describe("a read", () => {
  test("survives dropped connections and goes on where it was", async () => {
    const length = content.length - 5;
    await using source = await openThen((call) => {
      if (call.count >= 3) return answer(call);
      call.response.writeHead(206, {
        "content-range": `bytes ${call.first}-${call.last}/${content.length}`,
        "content-length": String(call.last - call.first + 1),
        etag: '"v1"',
      });
      const part = content.subarray(call.first, call.first + 500_000);
      call.response.write(part, () => setTimeout(() => call.response.destroy(), 20));
    });
    const found = await source.read(5, length);
    expect(Buffer.compare(found, content.subarray(5))).toBe(0);
    const starts = ranges.map((range) => Number(/\d+/.exec(range)?.[0]));
    expect(starts[0]).toBe(5);
    expect(starts[3]).toBeGreaterThan(5 + 1_000_000);
  });

  test("gives up after the attempts it was given", async () => {
    await using source = await openThen(({ response }) => response.destroy(), { attempts: 3 });
    await expect(source.read(0, 10)).rejects.toThrow(IoError);
    expect(ranges.length).toBe(3);
  });

  test("gives up, too, on answers that end early again and again", async () => {
    await using source = await openThen(
      ({ response }) =>
        // Without a length this is a proper end, which fetch has nothing to say against.
        response.writeHead(206, { "content-range": `bytes 0-9/${content.length}`, etag: '"v1"' }).end(),
      { attempts: 2 },
    );
    await expect(source.read(0, 10)).rejects.toThrow(/closed 10 bytes early/);
    expect(ranges.length).toBe(2);
  });

  test.each([429, 500, 502, 503, 504])("tries again after %i", async (status) => {
    await using source = await openThen((call) => {
      if (call.count < 2) call.response.writeHead(status).end("later");
      else answer(call);
    });
    expect(await source.read(3, 4)).toEqual(content.slice(3, 7));
    expect(ranges.length).toBe(3);
  });

  test("waits as long as Retry-After says, and not for hours", async () => {
    await using source = await openThen((call) => {
      if (call.count === 0) call.response.writeHead(429, { "retry-after": "1" }).end();
      else if (call.count === 1) answer(call);
      else call.response.writeHead(503, { "retry-after": "86400" }).end();
    });
    const before = performance.now();
    await source.read(0, 1);
    expect(performance.now() - before).toBeGreaterThan(950);
    await expect(source.read(0, 1)).rejects.toThrow(/503/);
    expect(ranges.length).toBe(3);
  });

  test("a server that stops sending counts as dropped", async () => {
    await using source = await openThen(
      (call) => {
        if (call.count > 0) return answer(call);
        call.response.writeHead(206, { "content-range": `bytes 0-9/${content.length}`, etag: '"v1"' });
        call.response.write(content.subarray(0, 4));
      },
      { stallMs: 50 },
    );
    expect(await source.read(0, 10)).toEqual(content.slice(0, 10));
    expect(ranges).toEqual(["bytes=0-9", "bytes=4-9"]);
  });

  test("a shorter range than asked for is legal, and completed", async () => {
    await using source = await openThen((call) => answer({ ...call, last: Math.min(call.last, call.first + 3) }));
    expect(await source.read(0, 10)).toEqual(content.slice(0, 10));
    expect(ranges).toEqual(["bytes=0-9", "bytes=4-9", "bytes=8-9"]);
  });

  test.each<[string, Record<string, string>, RegExp]>([
    ["a changed ETag", { etag: '"v2"' }, /changed on the server/],
    ["a changed size", { "content-range": "bytes 0-9/99" }, /changed on the server/],
    ["another range", { "content-range": `bytes 10-19/${content.length}` }, /asked for bytes 0-9/],
    ["a longer range", { "content-range": `bytes 0-10/${content.length}` }, /asked for bytes 0-9/],
  ])("%s is an error at once", async (_, headers, message) => {
    await using source = await openThen((call) => answer(call, headers));
    await expect(source.read(0, 10)).rejects.toThrow(message);
    expect(ranges.length).toBe(1);
  });

  test("more bytes than announced are an error", async () => {
    await using source = await openThen((call) =>
      answer({ ...call, last: 19 }, { "content-range": `bytes 0-9/${content.length}` }),
    );
    await expect(source.read(0, 10)).rejects.toThrow(/more bytes than it announced/);
  });

  test("a file that turns into a whole answer is refused", async () => {
    await using source = await openThen(({ response }) => response.writeHead(200).end("page"));
    await expect(source.read(0, 10)).rejects.toThrow(UnsupportedError);
  });

  test("an abort ends it, also between two attempts", async () => {
    const hanging = await openThen(() => undefined);
    await expect(hanging.read(0, 1, { signal: AbortSignal.timeout(30) })).rejects.toThrow(AbortedError);
    const failing = await openThen(({ response }) => response.writeHead(503).end(), { backoffMs: 60_000 });
    await expect(failing.read(0, 1, { signal: AbortSignal.timeout(30) })).rejects.toThrow(AbortedError);
  });

  test("close() ends it", async () => {
    const source = await openThen(() => undefined);
    const reading = source.read(0, 1);
    setTimeout(() => void source.close(), 20);
    await expect(reading).rejects.toThrow(/closed/);
  });
});
