import { readFile } from "node:fs/promises";
import type { CompiledGrammar } from "../../src/text/grammar/compiled-grammar.ts";
import type { GrammarMatcher } from "../../src/text/grammar/grammar-matcher.ts";
import { GrammarMatchers } from "../../src/text/grammar/grammar-matchers.ts";
import type { TokenBytes } from "../../src/text/grammar/token-bytes.ts";
import { buildTokenizer } from "../../src/text/tokenizer/build-tokenizer.ts";
import { parseTokenizerJson } from "../../src/text/tokenizer/json/parse-tokenizer-json.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** As sampleText, for the vocabulary of a real model. */
export type Sampler = (
  grammar: CompiledGrammar,
  random: (below: number) => number,
  maxTokens: number,
) => string | undefined;

/** Of the embedded model. */
export async function modelSampler(): Promise<Sampler> {
  const path = new URL("../../models/smollm2-135m-instruct-gptq-int4/tokenizer.json", import.meta.url);
  const tokens = buildTokenizer(parseTokenizerJson(await readFile(path), "tokenizer.json")).tokenBytes();
  const matchers = new GrammarMatchers(tokens, tokens.starts.length - 1);
  return (grammar, random, maxTokens) => sampleText(matchers.matcher(grammar), tokens, random, maxTokens);
}

/**
 * Draws tokens that the matcher allows, so that the text ends within `maxTokens`, a stop token among them, until it may end or must.
 * Undefined: there was no end by then. Throws where no token is allowed.
 */
function sampleText(
  matcher: GrammarMatcher,
  { bytes, starts }: TokenBytes,
  random: (below: number) => number,
  maxTokens: number,
): string | undefined {
  const text: number[] = [];
  for (let count = 0; count < maxTokens; count++) {
    const ids = matcher.isComplete ? [] : allowedIds(matcher.allowedWithin(maxTokens - count - 1));
    if (matcher.accepts && (ids.length === 0 || random(maxTokens) === 0)) return utf8.decode(Uint8Array.from(text));
    if (ids.length === 0)
      throw new Error(`no token may follow after ${new TextDecoder().decode(Uint8Array.from(text))}`);
    const id = ids[random(ids.length)];
    text.push(...bytes.subarray(starts[id], starts[id + 1]));
    matcher.accept(id);
  }
  return matcher.isComplete ? utf8.decode(Uint8Array.from(text)) : undefined;
}

function allowedIds(words: Uint32Array): number[] {
  const ids: number[] = [];
  for (const [i, word] of words.entries())
    for (let rest = word; rest !== 0; rest = (rest & (rest - 1)) >>> 0)
      ids.push(32 * i + 31 - Math.clz32(rest & -rest));
  return ids;
}
