import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { beforeAll, describe, expect, test } from "vitest";
import { compiledGrammar } from "../../src/text/grammar/compiled-grammar.ts";
import type { GrammarSpec } from "../../src/text/grammar/grammar-spec.ts";
import { RequestError } from "../../src/util/errors.ts";
import { seededRandom } from "../support/seeded-random.ts";
import { randomRegex, randomSchema } from "./random-forms.ts";
import { modelSampler, type Sampler } from "./sample-text.ts";

/** FEWBIT_GRAMMARS=all: as many as the acceptance asks for. */
const isWhole = process.env.FEWBIT_GRAMMARS === "all";
const schemaCount = isWhole ? 300 : 60;
const regexCount = isWhole ? 100 : 20;
const answersEach = 3;
/** More than the shortest answer to any of them takes. */
const maxTokens = 150;

let sample: Sampler;

beforeAll(async () => {
  sample = await modelSampler();
});

function answers(spec: GrammarSpec, seed: number): readonly string[] {
  const random = seededRandom(seed);
  const grammar = compiledGrammar(spec);
  const texts = Array.from({ length: answersEach }, () => sample(grammar, random, maxTokens));
  return texts.filter((text) => text !== undefined);
}

function unlessTooLarge<Result>(run: () => Result): Result | undefined {
  try {
    return run();
  } catch (error) {
    if (error instanceof RequestError && error.message.includes("too large")) return undefined;
    throw error;
  }
}

describe("answers drawn at random from the vocabulary of a real model", () => {
  test(`fulfil ${schemaCount} schemas, says ajv`, { timeout: 600_000 }, () => {
    const ajv = new Ajv2020({ allErrors: true, strict: false });
    addFormats.default(ajv);
    let finished = 0;
    const wrong: string[] = [];
    for (let seed = 0; seed < schemaCount; seed++) {
      const schema = randomSchema(seed);
      const validate = ajv.compile(schema);
      for (const text of answers({ kind: "json-schema", schema: JSON.stringify(schema) }, seed)) {
        finished++;
        if (!validate(JSON.parse(text)))
          wrong.push(`${text}\n${JSON.stringify(schema)}\n${ajv.errorsText(validate.errors)}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(finished).toBe(answersEach * schemaCount);
  });

  test(`match ${regexCount} regular expressions, says JavaScript`, { timeout: 600_000 }, () => {
    let finished = 0;
    let refused = 0;
    const wrong: string[] = [];
    for (let seed = 0; seed < regexCount + refused; seed++) {
      const pattern = randomRegex(seed);
      const whole = new RegExp(`^(?:${pattern})$`, "u");
      // Repetitions of repetitions of all letters may have too many states.
      const texts = unlessTooLarge(() => answers({ kind: "regex", pattern }, seed));
      if (texts === undefined) expect(++refused).toBeLessThan(0.3 * regexCount);
      for (const text of texts ?? []) {
        finished++;
        if (!whole.test(text)) wrong.push(`${JSON.stringify(text)} ${pattern}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(finished).toBe(answersEach * regexCount);
  });
});
