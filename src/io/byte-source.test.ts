import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AbortedError, FewbitError, FormatError, IoError, OutOfMemoryError, RequestError } from "../util/errors.ts";
import { openBlob } from "./blob-source.ts";
import { destination, type ByteSource } from "./byte-source.ts";
import { openFile } from "./file-source.node.ts";
import { openHttp } from "./http-source.ts";
import { openMemory } from "./memory-source.ts";

// What ByteSource promises, for everything that implements it. More than two pieces of 8 MiB, and not a round number.
const content = Uint8Array.from({ length: 18 * 2 ** 20 + 5 }, (_, i) => Math.imul(i, 0x9e3779b1) >>> 24);
let folder: string;
let server: Server;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fewbit-io-"));
  await writeFile(join(folder, "content"), content);
  await writeFile(join(folder, "empty"), "");
  server = createServer((request, response) => {
    const bytes = request.url === "/empty" ? content.subarray(0, 0) : content;
    const [first, last] =
      /^bytes=(\d+)-(\d+)$/
        .exec(request.headers.range ?? "")
        ?.slice(1)
        .map(Number) ?? [];
    if (first >= bytes.length) {
      response.writeHead(416, { "content-range": `bytes */${bytes.length}` }).end();
    } else {
      const headers = { "content-range": `bytes ${first}-${last}/${bytes.length}`, etag: '"1"' };
      response.writeHead(206, headers).end(bytes.subarray(first, last + 1));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});

afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true });
});

const kinds: readonly { readonly name: string; readonly open: (file: "content" | "empty") => Promise<ByteSource> }[] = [
  { name: "memory", open: (file) => Promise.resolve(openMemory(file === "empty" ? new Uint8Array(0) : content)) },
  { name: "file", open: (file) => openFile(join(folder, file)) },
  { name: "blob", open: (file) => Promise.resolve(openBlob(new Blob(file === "empty" ? [] : [content]))) },
  { name: "http", open: (file) => openHttp(`http://127.0.0.1:${(server.address() as AddressInfo).port}/${file}`) },
];

describe.each(kinds)("$name", ({ open }) => {
  test("reads any range, at the same time", async () => {
    await using source = await open("content");
    expect(source.size).toBe(content.length);
    const ranges = [
      [0, 8],
      [13, 1],
      [content.length - 3, 3],
      [content.length, 0],
      [7, 9 * 2 ** 20],
      [0, content.length],
    ];
    const found = await Promise.all(ranges.map(([offset, length]) => source.read(offset, length)));
    for (const [i, [offset, length]] of ranges.entries()) {
      expect(Buffer.compare(found[i], content.subarray(offset, offset + length))).toBe(0);
    }
  });

  test("what it returns belongs to the caller", async () => {
    await using source = await open("content");
    const first = await source.read(100, 16);
    first.fill(0);
    expect(await source.read(100, 16)).toEqual(content.slice(100, 116));
    expect(first.byteOffset % 8).toBe(0);
  });

  test("reads into a given buffer, and no further than asked", async () => {
    await using source = await open("content");
    const into = new Uint8Array(12).fill(255);
    const found = await source.read(5, 8, { into, borrow: true });
    expect(found.buffer).toBe(into.buffer);
    expect(found).toEqual(content.slice(5, 13));
    expect([...into.subarray(8)]).toEqual([255, 255, 255, 255]);
    await expect(source.read(0, 13, { into })).rejects.toThrow(RequestError);
  });

  test("a range outside is refused before anything is allocated", async () => {
    await using source = await open("content");
    const before = process.memoryUsage().arrayBuffers;
    for (const [offset, length] of [
      [0, content.length + 1],
      [content.length + 1, 0],
      [content.length - 1, 2],
      [0, 2 ** 40],
      [2 ** 53 - 1, 2 ** 53 - 1],
      [-1, 1],
      [0, -1],
      [0.5, 1],
      [0, NaN],
    ]) {
      await expect(source.read(offset, length)).rejects.toThrow(FormatError);
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 20);
  });

  test("gives up when asked to", async () => {
    await using source = await open("content");
    await expect(source.read(0, 1, { signal: AbortSignal.abort() })).rejects.toThrow(AbortedError);
    const controller = new AbortController();
    const reading = source.read(0, content.length, { signal: controller.signal });
    controller.abort();
    // Memory was faster than the abort; whoever still reads must stop with the right error.
    const result = await reading.catch((error: unknown) => error);
    expect(result instanceof AbortedError || result instanceof Uint8Array).toBe(true);
  });

  test("closes twice, and reads no more", async () => {
    const source = await open("content");
    const reading = source.read(0, content.length).catch((error: unknown) => error);
    await source.close();
    await source.close();
    await expect(source.read(0, 1)).rejects.toThrow(IoError);
    const result = await reading;
    expect(result instanceof Uint8Array || result instanceof FewbitError).toBe(true);
  });

  test("an empty file has nothing to read", async () => {
    await using source = await open("empty");
    expect(source.size).toBe(0);
    expect((await source.read(0, 0)).byteLength).toBe(0);
    await expect(source.read(0, 1)).rejects.toThrow(FormatError);
  });
});

test("memory lends its bytes when asked to", async () => {
  const source = openMemory(content);
  expect((await source.read(4, 4, { borrow: true })).buffer).toBe(content.buffer);
});

test("memory that is not there is an OutOfMemoryError", () => {
  expect(() => destination(2 ** 52, undefined, "x")).toThrow(OutOfMemoryError);
});
