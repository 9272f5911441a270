import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FormatError, IoError } from "../util/errors.ts";
import { openFolder } from "./folder.node.ts";
import type { Folder } from "./folder.ts";
import { openHttpFolder } from "./http-folder.ts";
import { openMemoryFolder } from "./memory-folder.ts";

const content = new TextEncoder().encode("hello");
const server = createServer((request, response) => {
  if (request.url !== "/repo/b%20c.txt") {
    response.writeHead(404).end();
    return;
  }
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
  response.writeHead(206, { "content-range": `bytes ${first}-${last}/${content.byteLength}` });
  response.end(content.subarray(Number(first), Number(last) + 1));
});
let directory = "";

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "folder-"));
  await mkdir(join(directory, "inside"));
  await writeFile(join(directory, "a.txt"), "first");
  await symlink(join(directory, "a.txt"), join(directory, "b c.txt"));
  await writeFile(join(directory, "a.txt"), content);
  await symlink(join(directory, "nowhere"), join(directory, "broken.txt"));
  await symlink(join(directory, "inside"), join(directory, "folder-link"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});

afterAll(async () => {
  await rm(directory, { recursive: true });
  await new Promise((resolve) => server.close(resolve));
});

const names = ["b c.txt", "a.txt"];
const folders: readonly (readonly [string, () => Promise<Folder>])[] = [
  ["a directory", () => openFolder(directory)],
  ["memory", async () => openMemoryFolder(new Map(names.map((name) => [name, content])))],
  ["Blobs", async () => openMemoryFolder(new Map(names.map((name) => [name, new Blob([content])])))],
  ["a URL", async () => openHttpFolder(`http://127.0.0.1:${(server.address() as AddressInfo).port}/repo`, names)],
];

describe.each(folders)("%s as a folder", (_, open) => {
  test("lists its files, sorted", async () => {
    expect(await (await open()).list()).toEqual(["a.txt", "b c.txt"]);
  });

  test("opens a file", async () => {
    await using source = await (await open()).open("b c.txt");
    expect(await source.read(1, 3)).toEqual(content.subarray(1, 4));
  });

  test("a file that is not there is an IoError", async () => {
    await expect((await open()).open("nothing.txt")).rejects.toBeInstanceOf(IoError);
  });

  test.each(["", ".", "..", "../a.txt", "inside/x", "/etc/passwd", "..\\a.txt", "C:a.txt", "http://x", "a\0", "a\n"])(
    "refuses the name %j",
    async (name) => {
      await expect((await open()).open(name)).rejects.toBeInstanceOf(FormatError);
    },
  );
});

test("a folder that is missing, or a file, is an IoError", async () => {
  await expect(openFolder(join(directory, "missing"))).rejects.toThrow("no such folder");
  await expect(openFolder(join(directory, "a.txt"))).rejects.toThrow("is a file, not a folder");
});

test("a directory's name may end with slashes, which messages leave out", async () => {
  const folder = await openFolder(`${directory}//`);
  expect(folder.label).toBe(directory);
  await using source = await folder.open("a.txt");
  expect(source.size).toBe(content.byteLength);
  expect((await openFolder("/")).label).toBe("/");
});
