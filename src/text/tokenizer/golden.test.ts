import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { fixtures, sharedFixtures } from "../../../test/support/fixtures.ts";
import { buildTokenizer } from "./build-tokenizer.ts";
import { parseTokenizerJson } from "./json/parse-tokenizer-json.ts";
import type { Tokenizer } from "./tokenizer.ts";

interface Decoded {
  readonly ids: readonly number[];
  /** decode(ids), for a case with its special tokens. */
  readonly decode: string;
  /** Absent: the same. */
  readonly decode_skip?: string;
}

interface Case extends Decoded {
  readonly text: string;
  /** With special tokens; absent: the same. */
  readonly ids_special?: readonly number[];
}

interface Golden {
  readonly maker: string;
  readonly cases: readonly Case[];
  readonly decode_cases: readonly Decoded[];
}

const embedded = join(import.meta.dirname, "../../../models/smollm2-135m-instruct-gptq-int4/tokenizer.json");
if (sharedFixtures === undefined)
  console.log("skipped: the larger set of golden tokenizers is not beside the checkout");

const folders = [fixtures, ...(sharedFixtures === undefined ? [] : [sharedFixtures])].flatMap((root) =>
  readdirSync(join(root, "tokenizers"), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(root, "tokenizers", name)),
);

describe.each(folders)("%s", (folder) => {
  const own = join(folder, "tokenizer.json");
  const path = existsSync(own) ? own : embedded;
  const tokenizer = buildTokenizer(parseTokenizerJson(readFileSync(path), path));
  const golden = JSON.parse(readFileSync(join(folder, "cases.json"), "utf8")) as Golden;

  test(`encodes as ${golden.maker}`, () => {
    for (const { text, ids, ids_special: withSpecial = ids } of golden.cases) {
      expect(tokenizer.encode(text, { addSpecial: false }), text).toEqual(ids);
      expect(tokenizer.encode(text), text).toEqual(withSpecial);
    }
  });

  test(`decodes as ${golden.maker}, at once and as a stream`, () => {
    const cases = golden.cases.map((one): Decoded => ({ ...one, ids: one.ids_special ?? one.ids }));
    for (const { ids, decode, decode_skip: skipped = decode } of [...cases, ...golden.decode_cases]) {
      expect(tokenizer.decode(ids), ids.join()).toBe(decode);
      expect(tokenizer.decode(ids, { skipSpecial: true }), ids.join()).toBe(skipped);
      expectSameAsStream(tokenizer, ids);
    }
  });

  test("streams any ids to the text of the whole", () => {
    let state = 1;
    const random = (limit: number): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) % limit;
    for (let run = 0; run < 100; run++) {
      // Fewer than make a run of bytes that is too long to wait for.
      expectSameAsStream(
        tokenizer,
        Array.from({ length: random(60) }, () => random(tokenizer.vocabSize)),
      );
    }
  });
});

function expectSameAsStream(tokenizer: Tokenizer, ids: readonly number[]): void {
  for (const skipSpecial of [false, true]) {
    const stream = tokenizer.decodeStream({ skipSpecial });
    const pieces = [...ids.map((id) => stream.push(id)), stream.finish()];
    expect(pieces.join(""), ids.join()).toBe(tokenizer.decode(ids, { skipSpecial }));
    for (const piece of pieces) expect(piece).not.toMatch(/[\uD800-\uDBFF]$|^[\uDC00-\uDFFF]/);
  }
}
