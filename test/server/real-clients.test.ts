import { execFile } from "node:child_process";
import { promisify } from "node:util";
import Anthropic from "@anthropic-ai/sdk";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { HumanMessage } from "@langchain/core/messages";
import { ChatOpenAI, OpenAIEmbeddings } from "@langchain/openai";
import { embed, generateObject, generateText, jsonSchema, streamText, type ToolSet } from "ai";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasNative, isBuilt } from "../cli/fewbit.ts";
import { embeddedModel as model, serve, type ServedProcess } from "./serve.ts";

const question = "What is the capital of France?";
const answer = "The capital of France is Paris.";
const messages = [{ role: "user" as const, content: question }];
const apiKey = "sesame";
const run = promisify(execFile);

interface Weather {
  readonly city: string;
  readonly unit: string;
}

/** Small enough that every answer ends. */
const parameters = {
  type: "object" as const,
  properties: { city: { type: "string" as const, maxLength: 20 }, unit: { enum: ["C", "F"] } },
  required: ["city", "unit"],
  additionalProperties: false,
};
const weather = { name: "get_weather", description: "The weather of a city", parameters };
const isWeather = { city: expect.any(String) as string, unit: expect.stringMatching(/^[CF]$/) as string };

/** The clients that people use, against `fewbit serve` with the embedded model, over HTTP. */
describe.skipIf(!isBuilt || !hasNative)("clients of others", () => {
  let server: ServedProcess;
  beforeAll(async () => {
    server = await serve("--api-key", apiKey);
  }, 120_000);
  afterAll(() => server[Symbol.asyncDispose]());

  describe("openai", () => {
    const client = (): OpenAI => new OpenAI({ baseURL: `${server.url}/v1`, apiKey, maxRetries: 0 });
    const body = { model, messages, temperature: 0, max_tokens: 60 };

    test("tools, demanded, whole and as they come", async () => {
      const asked = {
        ...body,
        tools: [{ type: "function" as const, function: weather }],
        tool_choice: "required" as const,
        parallel_tool_calls: false,
      };
      const { choices } = await client().chat.completions.create(asked);
      expect(choices[0].finish_reason).toBe("tool_calls");
      const [call] = choices[0].message.tool_calls ?? [];
      expect(call).toMatchObject({ type: "function", function: { name: "get_weather" } });
      expect(call.type === "function" && JSON.parse(call.function.arguments)).toEqual(isWeather);
      const streamed = await client().chat.completions.stream(asked).finalChatCompletion();
      expect(streamed.choices[0].message.tool_calls?.[0]).toMatchObject({ type: "function", function: call.type === "function" ? call.function : {} }); // prettier-ignore
    });

    test("an answer that is JSON of a schema", async () => {
      const { choices } = await client().chat.completions.create({
        ...body,
        response_format: { type: "json_schema", json_schema: { name: "weather", strict: true, schema: parameters } },
      });
      expect(JSON.parse(choices[0].message.content ?? "")).toEqual(isWeather);
    });

    test("embeddings, as bytes and as numbers", async () => {
      const input = ["Paris is the capital of France.", "The capital of France is Paris.", "def add(a, b):"];
      const bytes = await client().embeddings.create({ model, input });
      const numbers = await client().embeddings.create({ model, input, encoding_format: "float" });
      const [first, near, far] = bytes.data.map(({ embedding }) => embedding);
      numbers.data.forEach(({ embedding }, i) => expect(bytes.data[i].embedding).toEqual(embedding));
      const cosine = (other: readonly number[]): number => first.reduce((sum, value, i) => sum + value * other[i], 0);
      expect(cosine(first)).toBeCloseTo(1, 4);
      expect(cosine(near)).toBeGreaterThan(cosine(far));
    });

    test("log-probabilities", async () => {
      const { choices } = await client().chat.completions.create({ ...body, logprobs: true, top_logprobs: 3 });
      const [first] = choices[0].logprobs?.content ?? [];
      expect(first.token).toBe("The");
      expect(first.top_logprobs).toHaveLength(3);
      expect(first.top_logprobs[0]).toMatchObject({ token: "The", logprob: first.logprob });
    });

    test("responses, whole and as they come", async () => {
      const asked = { model, input: question, temperature: 0, max_output_tokens: 40 };
      const { output_text: text, usage } = await client().responses.create(asked);
      expect([text, usage?.input_tokens]).toEqual([answer, 37]);
      const stream = client().responses.stream(asked);
      let deltas = "";
      stream.on("response.output_text.delta", ({ delta }) => (deltas += delta));
      expect((await stream.finalResponse()).output_text).toBe(answer);
      expect(deltas).toBe(answer);
    });
  });

  describe("ai with @ai-sdk/openai-compatible", () => {
    const provider = () =>
      createOpenAICompatible({ name: "fewbit", baseURL: `${server.url}/v1`, apiKey, supportsStructuredOutputs: true });
    const asked = { temperature: 0, maxOutputTokens: 60, maxRetries: 0 } as const;

    test("text, whole and as it comes", async () => {
      expect((await generateText({ ...asked, model: provider()(model), prompt: question })).text).toBe(answer);
      let text = "";
      for await (const piece of streamText({ ...asked, model: provider()(model), prompt: question }).textStream)
        text += piece;
      expect(text).toBe(answer);
    });

    test("tools, an object, an embedding, an error", async () => {
      const tools: ToolSet = {
        get_weather: { description: weather.description, inputSchema: jsonSchema<Weather>(parameters) },
      };
      const { toolCalls, finishReason } = await generateText({ ...asked, model: provider()(model), prompt: question, tools, toolChoice: "required" }); // prettier-ignore
      expect(finishReason).toBe(toolCalls.length > 0 ? "tool-calls" : "length");
      expect(toolCalls[0]).toMatchObject({ toolName: "get_weather", input: isWeather });
      const { object } = await generateObject({ ...asked, model: provider()(model), prompt: question, schema: jsonSchema<Weather>(parameters) }); // prettier-ignore
      expect(object).toEqual(isWeather);
      const { embedding } = await embed({ model: provider().textEmbeddingModel(model), value: "a", maxRetries: 0 });
      expect(Math.hypot(...embedding)).toBeCloseTo(1, 4);
      const refused = generateText({ ...asked, model: provider()("other"), prompt: question });
      await expect(refused).rejects.toThrow("is not served");
    });
  });

  test("@langchain/openai: text, a stream, tools, an object, embeddings", async () => {
    const configuration = { baseURL: `${server.url}/v1` };
    const chat = new ChatOpenAI({ model, apiKey, configuration, temperature: 0, maxTokens: 60, maxRetries: 0 });
    const prompt = [new HumanMessage(question)];
    expect((await chat.invoke(prompt)).content).toBe(answer);
    let text = "";
    for await (const { content } of await chat.stream(prompt)) text += typeof content === "string" ? content : "";
    expect(text).toBe(answer);
    const withTools = chat.bindTools([{ type: "function", function: weather }], { tool_choice: "get_weather" });
    expect((await withTools.invoke(prompt)).tool_calls?.[0]).toMatchObject({ name: "get_weather", args: isWeather });
    const held = chat.withStructuredOutput({ title: "weather", ...parameters }, { method: "jsonSchema" });
    expect(await held.invoke(prompt)).toEqual(isWeather);
    const embeddings = new OpenAIEmbeddings({ model, apiKey, configuration, maxRetries: 0 });
    expect(Math.hypot(...(await embeddings.embedQuery("a")))).toBeCloseTo(1, 4);
  });

  describe("@anthropic-ai/sdk", () => {
    const client = (key = apiKey): Anthropic => new Anthropic({ baseURL: server.url, apiKey: key, maxRetries: 0 });
    const body = { model, messages, max_tokens: 60, temperature: 0 };

    test("a message, whole and as it comes", async () => {
      const whole = await client().messages.create(body);
      expect(whole).toMatchObject({ content: [{ type: "text", text: answer }], stop_reason: "end_turn" });
      const stream = client().messages.stream(body);
      let text = "";
      stream.on("text", (delta) => (text += delta));
      const streamed = await stream.finalMessage();
      expect(text).toBe(answer);
      expect(streamed.content).toEqual(whole.content);
      expect(streamed.usage.output_tokens).toBe(whole.usage.output_tokens);
    });

    test("tools, and what they gave", async () => {
      const { name, description } = weather;
      const asked = {
        ...body,
        tools: [{ name, description, input_schema: parameters }],
        tool_choice: { type: "tool" as const, name, disable_parallel_tool_use: true },
      };
      const { content, stop_reason: reason } = await client().messages.stream(asked).finalMessage();
      expect(reason).toBe("tool_use");
      const [call] = content;
      expect(call).toMatchObject({ type: "tool_use", name, input: isWeather });
      if (call.type !== "tool_use") return;
      const result = { type: "tool_result" as const, tool_use_id: call.id, content: "18 degrees" };
      const turns = [
        ...messages,
        { role: "assistant" as const, content },
        { role: "user" as const, content: [result] },
      ];
      const next = await client().messages.create({ ...body, max_tokens: 5, messages: turns });
      expect(next.content[0]?.type).toBe("text");
    });

    test("counts, and errors", async () => {
      expect(await client().messages.countTokens({ model, messages })).toMatchObject({ input_tokens: 37 });
      await expect(client("wrong").messages.create(body)).rejects.toThrow(Anthropic.AuthenticationError);
      await expect(client().messages.create({ ...body, model: "other" })).rejects.toThrow(Anthropic.NotFoundError);
      await expect(client().messages.create({ ...body, max_tokens: 0 })).rejects.toThrow(Anthropic.BadRequestError);
    });
  });

  describe("curl", () => {
    const curl = async (path: string, ...args: readonly string[]): Promise<string> => {
      const all = ["-sS", "--max-time", "30", "-H", `Authorization: Bearer ${apiKey}`, ...args, `${server.url}${path}`];
      return (await run("curl", all)).stdout;
    };
    const json = (body: object): readonly string[] => [
      "-H",
      "content-type: application/json",
      "-d",
      JSON.stringify(body),
    ];

    test("a stream, of every API that has one", async () => {
      const chat = await curl("/v1/chat/completions", "-N", ...json({ messages, temperature: 0, max_tokens: 3, stream: true })); // prettier-ignore
      expect(chat).toMatch(/^data: \{.*\n\n[^]*data: \[DONE\]\n\n$/);
      const tgi = await curl(
        "/generate_stream",
        "-N",
        ...json({ inputs: "1, 2, 3,", parameters: { max_new_tokens: 3 } }),
      );
      const events = tgi.split("\n\n").filter(Boolean).map((event) => JSON.parse(event.slice(5)) as { generated_text: string | null }); // prettier-ignore
      expect(events.map(({ generated_text: text }) => text)).toEqual([null, null, " 4,"]);
    });

    test("texts and ids, the template, and what is told of the server", async () => {
      const { tokens } = JSON.parse(await curl("/tokenize", ...json({ content: question }))) as { tokens: number[] };
      expect(JSON.parse(await curl("/detokenize", ...json({ tokens })))).toEqual({ content: question });
      expect(JSON.parse(await curl("/apply-template", ...json({ messages })))).toMatchObject({ prompt: expect.stringContaining(question) as string }); // prettier-ignore
      expect(JSON.parse(await curl("/props"))).toMatchObject({ default_generation_settings: { n_ctx: 4096 } });
      expect(JSON.parse(await curl("/info"))).toMatchObject({ model_id: model, max_total_tokens: 4096 });
      const metrics = await curl("/metrics");
      for (const name of ["num_requests_running", "num_requests_waiting", "kv_cache_usage_perc"])
        expect(metrics).toMatch(new RegExp(`^vllm:${name}\\{model_name="${model}"\\} [0-9.]+$`, "m"));
    });

    test("an abort leaves nothing behind", async () => {
      const endless = json({ messages, max_tokens: 3000, stream: true, ignore_eos: true });
      await expect(curl("/v1/chat/completions", "--max-time", "1", ...endless)).rejects.toThrow();
      await expect.poll(() => curl("/metrics"), { timeout: 10_000 }).toMatch(/num_requests_running\{[^}]*\} 0$/m);
    });
  });
});
