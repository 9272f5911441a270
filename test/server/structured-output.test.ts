import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasNative, isBuilt } from "../cli/fewbit.ts";
import { randomSchema } from "../grammar/random-forms.ts";
import { embeddedModel, serve, type ServedProcess } from "./serve.ts";

/** FEWBIT_GRAMMARS=all: as many as the acceptance asks for. */
const schemaCount = process.env.FEWBIT_GRAMMARS === "all" ? 300 : 6;
/** Users that ask at the same time. */
const atOnce = 6;

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly finishReason: string | undefined;
}

/** The embedded model is small and drawn from at temperature 1: left to itself it would hardly ever answer in the form asked for. */
describe.skipIf(!isBuilt || !hasNative)("answers over HTTP are held to", () => {
  let server: ServedProcess;

  beforeAll(async () => {
    server = await serve();
  }, 60_000);

  afterAll(() => server[Symbol.asyncDispose]());

  async function ask(form: object, seed = 0, maxTokens = 120): Promise<Answer> {
    const messages = [{ role: "user", content: "Describe a cat in a few words." }];
    const response = await fetch(`${server.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: embeddedModel, messages, temperature: 1, seed, max_tokens: maxTokens, ...form }),
    });
    const { choices, error } = (await response.json()) as {
      readonly choices?: readonly { readonly message: { readonly content: string }; readonly finish_reason: string }[];
      readonly error?: { readonly message: string };
    };
    const choice = choices?.[0];
    return {
      status: response.status,
      text: choice?.message.content ?? error?.message ?? "",
      finishReason: choice?.finish_reason,
    };
  }

  test(`${schemaCount} JSON schemas`, { timeout: 1_800_000 }, async () => {
    const ajv = new Ajv2020({ allErrors: true, strict: false });
    addFormats.default(ajv);
    const wrong: string[] = [];
    const answer = async (seed: number): Promise<void> => {
      const schema = randomSchema(seed);
      const form = { type: "json_schema", json_schema: { name: "answer", strict: true, schema } };
      const { status, text, finishReason } = await ask({ response_format: form }, seed);
      const isValid = status === 200 && finishReason === "stop" && ajv.compile(schema)(JSON.parse(text));
      if (!isValid) wrong.push(`${status} ${finishReason} ${text}\n${JSON.stringify(schema)}`);
    };
    const seeds = Array.from({ length: schemaCount }, (_, seed) => seed).values();
    const answerMore = async (): Promise<void> => {
      for (const seed of seeds) await answer(seed);
    };
    await Promise.all(Array.from({ length: atOnce }, answerMore));
    expect(wrong).toEqual([]);
  });

  test("some JSON object", { timeout: 60_000 }, async () => {
    // With few tokens as well: what the model has begun is closed in time.
    for (const maxTokens of [40, 5]) {
      const { text, finishReason } = await ask({ response_format: { type: "json_object" } }, 0, maxTokens);
      expect(finishReason).toBe("stop");
      expect(typeof JSON.parse(text)).toBe("object");
    }
  });

  test("a regular expression", { timeout: 60_000 }, async () => {
    for (let seed = 0; seed < 4; seed++) {
      const { text, finishReason } = await ask(
        { guided_regex: "(black|white|red), [a-z]{3,12} and \\d{1,2} years old" },
        seed,
      );
      expect(text).toMatch(/^(black|white|red), [a-z]{3,12} and \d{1,2} years old$/);
      expect(finishReason).toBe("stop");
    }
  });

  test.each([
    ["a pattern that doubles", { guided_regex: "(?:a|b)*a(?:a|b){30}" }],
    ["a schema 10,000 deep", { guided_json: `${'{"items":'.repeat(10_000)}{}${"}".repeat(10_000)}` }],
  ])("nothing, where it is refused: %s", async (_, form) => {
    expect(await ask(form)).toMatchObject({ status: 400, finishReason: undefined });
    expect((await ask({}, 0, 4)).status).toBe(200);
  });
});
