import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { fixtures } from "../../../test/support/fixtures.ts";
import { budgetFor } from "./budget.ts";
import type { TokenSink } from "./decoders/decoder-stage.ts";
import { createDecode, type Decoder } from "./decoders/decoder.ts";
import { Fields } from "./json/fields.ts";
import { parseDecoder } from "./json/parse-decoder.ts";
import { parseNormalizer } from "./json/parse-normalizer.ts";
import { parsePreTokenizer } from "./json/parse-pre-tokenizer.ts";
import { createNormalize } from "./normalizers/normalizer.ts";
import { createPreTokenize } from "./pre-tokenizers/pre-tokenizer.ts";

type Row<Given, Result> = readonly [component: unknown, given: Given, result: Result];

/** What the reference makes of random texts, component by component: see make-components.py beside the file. */
const golden = JSON.parse(readFileSync(`${fixtures}/tokenizers/components.json`, "utf8")) as {
  readonly normalizers: readonly Row<string, string>[];
  readonly preTokenizers: readonly Row<string, readonly string[]>[];
  readonly decoders: readonly Row<readonly string[], string>[];
};

describe("components do what the reference does", () => {
  test.each(golden.normalizers)("normalizer %j of %j", (component, text, expected) => {
    const normalize = createNormalize(parseNormalizer(new Fields(component, "normalizer")));
    expect(normalize(text, budgetFor(text))).toBe(expected);
  });

  test.each(golden.preTokenizers)("pre-tokenizer %j of %j", (component, text, expected) => {
    const preTokenize = createPreTokenize(parsePreTokenizer(new Fields(component, "pre_tokenizer")));
    const whole = { texts: text === "" ? [] : [text], beginsText: true };
    expect(preTokenize(whole, budgetFor(text)).texts).toEqual(expected);
  });

  test.each(golden.decoders)("decoder %j of %j", (component, tokens, expected) => {
    const decoder = parseDecoder(new Fields(component, "decoder"));
    expect(decode(decoder, tokens)).toBe(expected);
  });
});

function decode(decoder: Decoder | undefined, tokens: readonly string[]): string {
  let text = "";
  let first: TokenSink = { write: (part) => (text += part), end: () => undefined, finish: () => undefined };
  for (const stage of [...createDecode(decoder)({ isStream: true })].reverse()) {
    stage.next = first;
    first = stage;
  }
  for (const token of tokens) {
    first.write(token);
    first.end();
  }
  first.finish();
  return text;
}

test("tokens without a decoder are set apart", () => {
  expect(decode(undefined, ["a", "", "b"])).toBe("a  b");
});

test("a literal that lies in two tokens is found in what was fused, and nothing waits longer than it must", () => {
  const replace: Decoder = { type: "Replace", pattern: { literal: "abc" }, content: "-" };
  const decoder: Decoder = { type: "Sequence", decoders: [{ type: "Fuse" }, replace] };
  expect(decode(decoder, ["xa", "b", "cab", "ab", "c", "a"])).toBe("x-ab-a");
  expect(decode(replace, ["xa", "bc"])).toBe("xabc");
});

test("what Strip takes from the end of what was fused waits for the end", () => {
  const strip: Decoder = { type: "Strip", content: " ", start: 1, stop: 2 };
  const decoder: Decoder = { type: "Sequence", decoders: [{ type: "Fuse" }, strip] };
  expect(decode(decoder, ["  a ", " ", " b", " ", " ", " "])).toBe(" a   b ");
});
