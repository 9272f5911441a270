import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasNative, isBuilt } from "../cli/fewbit.ts";
import { embeddedModel, serve, type ServedProcess } from "./serve.ts";

/** OpenAI's own client against `fewbit serve` with the embedded model, over HTTP. */
describe.skipIf(!isBuilt || !hasNative)("fewbit serve", () => {
  const messages = [{ role: "user", content: "What is the capital of France?" }] as const;
  const greedy = { model: embeddedModel, messages: [...messages], temperature: 0 };
  let server: ServedProcess;
  let client: OpenAI;

  beforeAll(async () => {
    server = await serve("--api-key", "sesame");
    client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "sesame", maxRetries: 0 });
  }, 60_000);

  afterAll(() => server[Symbol.asyncDispose]());

  test("a chat", async () => {
    const { choices, usage } = await client.chat.completions.create({ ...greedy, max_completion_tokens: 30 });
    expect(choices[0]).toMatchObject({
      message: { role: "assistant", content: "The capital of France is Paris." },
      finish_reason: "stop",
    });
    expect(usage).toMatchObject({ prompt_tokens: 37, completion_tokens: 8 });
  });

  test("a stream of two answers, with log-probabilities", async () => {
    const stream = await client.chat.completions.create({
      ...greedy,
      n: 2,
      stream: true,
      logprobs: true,
      top_logprobs: 1,
    });
    const texts = ["", ""];
    const tokens = ["", ""];
    for await (const { choices } of stream)
      for (const { index, delta, logprobs } of choices) {
        texts[index] += delta.content ?? "";
        for (const { token } of logprobs?.content ?? []) tokens[index] += token;
      }
    expect(texts).toEqual(Array(2).fill("The capital of France is Paris."));
    expect(tokens).toEqual(Array(2).fill("The capital of France is Paris.<|im_end|>"));
  });

  test("a client that goes away leaves nothing behind", async () => {
    const stream = await client.chat.completions.create({ ...greedy, stream: true, max_tokens: 500 });
    for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break; // aborts the request
    const { choices } = await client.chat.completions.create({ ...greedy, max_tokens: 4 });
    expect(choices[0]?.message.content).toBe("The capital of France");
  });

  test("the older API, and the list of models", async () => {
    const { choices } = await client.completions.create({ model: greedy.model, prompt: "1, 2, 3,", max_tokens: 4, temperature: 0 }); // prettier-ignore
    expect(choices[0]?.text).toBe(" 4, ");
    expect((await client.models.list()).data.map(({ id }) => id)).toEqual([greedy.model]);
  });

  test("errors are those that the client has classes for", async () => {
    await expect(client.chat.completions.create({ ...greedy, model: "other" })).rejects.toThrow(OpenAI.NotFoundError);
    await expect(client.chat.completions.create({ ...greedy, temperature: -1 })).rejects.toThrow(
      OpenAI.BadRequestError,
    );
    const stranger = new OpenAI({ baseURL: client.baseURL, apiKey: "wrong", maxRetries: 0 });
    await expect(stranger.models.list()).rejects.toThrow(OpenAI.AuthenticationError);
  });
});
