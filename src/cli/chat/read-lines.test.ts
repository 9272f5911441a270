import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { UsageError } from "../usage-error.ts";
import { readLines } from "./read-lines.ts";

const read = async (chunks: readonly string[], maxBytes = 100): Promise<readonly string[]> => {
  const lines = [];
  for await (const line of readLines(Readable.from(chunks.map((text) => Buffer.from(text, "latin1"))), maxBytes))
    lines.push(line);
  return lines;
};
/** Bytes of UTF-8 as characters, to be cut anywhere. */
const utf8 = (text: string): string => Buffer.from(text).toString("latin1");

test.each([
  ["one chunk", ["a\nb\n"], ["a", "b"]],
  ["no last end", ["a\nb"], ["a", "b"]],
  ["a line over chunks", ["a", "b", "\nc"], ["ab", "c"]],
  ["CRLF over chunks", ["a\r", "\nb\r\n"], ["a", "b"]],
  ["empty lines", ["\n\n"], ["", ""]],
  ["nothing", [], []],
  ["a character over chunks", [utf8("日").slice(0, 1), `${utf8("日").slice(1)}\n`], ["日"]],
  ["bytes that are no UTF-8", ["\xff\n"], ["\ufffd"]],
])("%s", async (_, chunks, expected) => {
  expect(await read(chunks)).toEqual(expected);
});

test("a line may be as long as the limit; a longer one is refused before its end comes", async () => {
  expect(await read(["x".repeat(100), "\n"])).toEqual(["x".repeat(100)]);
  const endless = (function* () {
    for (;;) yield Buffer.alloc(60);
  })();
  const lines = readLines(Readable.from(endless), 100);
  await expect(lines.next()).rejects.toThrow(UsageError);
});
