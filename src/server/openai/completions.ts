import { z } from "zod";
import type { Generation } from "../../llm/generation.ts";
import type { LLM } from "../../llm/llm.ts";
import { eventStream } from "../event-stream.ts";
import { mergeStreams } from "../merge-streams.ts";
import { randomId } from "../random-id.ts";
import { completionLogprobs } from "./logprobs.ts";
import { generateOptions, samplingFields } from "./sampling-fields.ts";
import { finishReasonBody, usageBody } from "./usage.ts";

const ids = z.array(z.int().min(0)).min(1);
const mostPrompts = 64;

/** The body of POST /v1/completions, the older API: texts or token ids, continued as they are. */
export const completionRequest = z.object({
  ...samplingFields,
  prompt: z.union([z.string(), z.array(z.string()).min(1).max(mostPrompts), ids, z.array(ids).min(1).max(mostPrompts)]),
  logprobs: z.int().min(0).max(20).nullish(),
  echo: z.boolean().nullish(),
});

export type CompletionRequest = z.infer<typeof completionRequest>;

/** OpenAI's. */
const defaultMaxTokens = 16;

/** Continues every prompt `n` times; `signal` fires when the client has gone. */
export async function completions(
  llm: LLM,
  model: string,
  request: CompletionRequest,
  signal: AbortSignal,
): Promise<Response> {
  const gone = new AbortController();
  const signals = AbortSignal.any([signal, gone.signal]);
  const prompts = promptsOf(request);
  const texts = prompts.map((prompt) => (request.echo ? textOf(llm, prompt) : ""));
  const count = request.n ?? 1;
  const answers = prompts.flatMap((prompt) =>
    Array.from({ length: count }, (_, index) =>
      llm.generate(prompt, {
        ...generateOptions(request, index),
        maxTokens: request.max_tokens ?? defaultMaxTokens,
        ...(request.logprobs != null && { topLogprobs: request.logprobs }),
        signal: signals,
      }),
    ),
  );
  const echoOf = (index: number): string => texts[Math.floor(index / count)];
  const head = { id: `cmpl-${randomId()}`, object: "text_completion", created: Math.floor(Date.now() / 1000), model };
  if (!request.stream) return Response.json(await whole(llm, request, answers, echoOf, head));
  await Promise.all(answers.map((answer) => answer.accepted));
  return eventStream(chunks(llm, request, answers, echoOf, head), () => gone.abort());
}

function promptsOf({ prompt }: CompletionRequest): readonly (string | readonly number[])[] {
  if (typeof prompt === "string") return [prompt];
  return typeof prompt[0] === "number" ? [prompt as number[]] : (prompt as readonly (string | number[])[]);
}

function textOf(llm: LLM, prompt: string | readonly number[]): string {
  return typeof prompt === "string" ? prompt : llm.detokenize(prompt);
}

async function whole(
  llm: LLM,
  { logprobs }: CompletionRequest,
  answers: readonly Generation[],
  echoOf: (index: number) => string,
  head: object,
): Promise<object> {
  const results = await Promise.all(answers.map(({ result }) => result));
  return {
    ...head,
    choices: results.map((result, index) => ({
      index,
      text: echoOf(index) + (result.text ?? ""),
      logprobs: logprobs == null ? null : completionLogprobs(llm, result.logprobs ?? [], echoOf(index).length),
      finish_reason: finishReasonBody(result.finishReason),
    })),
    usage: usageBody(results.map(({ usage }) => usage)),
  };
}

async function* chunks(
  llm: LLM,
  { logprobs, stream_options: streamOptions }: CompletionRequest,
  answers: readonly Generation[],
  echoOf: (index: number) => string,
  head: object,
): AsyncGenerator<object> {
  const choice = (index: number, text: string, rest: object = {}): object => ({
    ...head,
    choices: [{ index, text, logprobs: null, finish_reason: null, ...rest }],
  });
  const offsets = answers.map((_, index) => echoOf(index).length);
  for (const index of answers.keys()) if (echoOf(index) !== "") yield choice(index, echoOf(index));
  for await (const { index, value: event } of mergeStreams(answers)) {
    if (event.type === "text") yield choice(index, event.text);
    else if (event.type === "token" && logprobs != null) {
      const columns = completionLogprobs(llm, [event], offsets[index]);
      offsets[index] += columns.tokens[0].length;
      yield choice(index, "", { logprobs: columns });
    } else if (event.type === "finished")
      yield choice(index, "", { finish_reason: finishReasonBody(event.finishReason) });
  }
  if (!streamOptions?.include_usage) return;
  const results = await Promise.all(answers.map(({ result }) => result));
  yield { ...head, choices: [], usage: usageBody(results.map(({ usage }) => usage)) };
}
