import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { readText } from "./read-stdin.ts";
import { UsageError } from "./usage-error.ts";

test("characters that are cut between chunks come whole", async () => {
  const bytes = new TextEncoder().encode("a€b");
  expect(await readText(Readable.from([bytes.subarray(0, 2), bytes.subarray(2)]), 5)).toBe("a€b");
});

test("a stream that does not end is left at the limit", async () => {
  let read = 0;
  function* endless(): Generator<Uint8Array> {
    for (;;) {
      read++;
      yield new Uint8Array(4);
    }
  }
  const stream = Readable.from(endless(), { highWaterMark: 1 });
  await expect(readText(stream, 10)).rejects.toThrow(UsageError);
  expect(read).toBeLessThan(10);
  expect(stream.destroyed).toBe(true);
});
