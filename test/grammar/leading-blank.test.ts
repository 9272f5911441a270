import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { compiledGrammar } from "../../src/text/grammar/compiled-grammar.ts";
import { GrammarMatchers } from "../../src/text/grammar/grammar-matchers.ts";
import type { GrammarSpec } from "../../src/text/grammar/grammar-spec.ts";
import { buildTokenizer } from "../../src/text/tokenizer/build-tokenizer.ts";
import { parseTokenizerJson } from "../../src/text/tokenizer/json/parse-tokenizer-json.ts";
import { seededRandom } from "../support/seeded-random.ts";

const forms: readonly GrammarSpec[] = [
  { kind: "regex", pattern: " [a-z ]{4}" },
  { kind: "regex", pattern: "[ a-z]{5}" },
  { kind: "regex", pattern: "[ é日]{3}" },
  { kind: "json-schema", schema: '{"type":"string","minLength":2,"maxLength":5}' },
];

/** SentencePiece's vocabularies begin words with a blank, which is dropped where a text begins; GPT-2's kind drops none. */
test.each(["llama2", "gemma", "phi3", "qwen2"])("what a grammar allows is what the tokens say: %s", async (name) => {
  const path = new URL(`../fixtures/tokenizers/${name}/tokenizer.json`, import.meta.url);
  const tokenizer = buildTokenizer(parseTokenizerJson(await readFile(path), "tokenizer.json"));
  const { bytes, starts } = tokenizer.tokenBytes();
  const matchers = new GrammarMatchers({ bytes, starts }, starts.length - 1);
  const random = seededRandom(3);
  for (const spec of forms)
    for (let round = 0; round < 10; round++) {
      const matcher = matchers.matcher(compiledGrammar(spec));
      const stream = tokenizer.decodeStream({ continues: true });
      let text = "";
      const said: number[] = [];
      while (!matcher.isComplete) {
        const { allowed } = matcher;
        const ids = starts.slice(1).map((_, id) => id).filter((id) => ((allowed[id >> 5] >>> (id & 31)) & 1) === 1); // prettier-ignore
        const id = ids[random(ids.length)];
        matcher.accept(id);
        said.push(...bytes.subarray(starts[id], starts[id + 1]));
        text += stream.push(id);
      }
      text += stream.finish();
      expect(text).toBe(new TextDecoder().decode(Uint8Array.from(said)));
      if (spec.kind === "regex") expect(text).toMatch(new RegExp(`^(?:${spec.pattern})$`, "u"));
    }
});
