import { z } from "zod";
import type { Generation } from "../../llm/generation.ts";
import type { LLM } from "../../llm/llm.ts";
import { ApiError } from "../api-error.ts";
import { eventStream } from "../event-stream.ts";
import type { OptionFields } from "../option-fields.ts";
import { mergeStreams } from "../merge-streams.ts";
import { randomId } from "../random-id.ts";
import { completionLogprobs } from "./logprobs.ts";
import { generateOptions, samplingFields, samplingOptionFields } from "./sampling-fields.ts";
import { systemFingerprint } from "./system-fingerprint.ts";
import { finishReasonBody, usageBody } from "./usage.ts";

const ids = z.array(z.int().min(0)).min(1);
const mostPrompts = 64;
const mostAnswers = 128;

/** The body of POST /v1/completions, the older API: texts or token ids, continued as they are. */
export const completionRequest = z.object({
  ...samplingFields,
  prompt: z.union([z.string(), z.array(z.string()).min(1).max(mostPrompts), ids, z.array(ids).min(1).max(mostPrompts)]),
  logprobs: z.int().min(0).max(20).nullish(),
  echo: z.boolean().nullish(),
  suffix: z.string().nullish(),
});

export type CompletionRequest = z.infer<typeof completionRequest>;

export const completionFields: OptionFields = { ...samplingOptionFields, promptIds: "prompt", topLogprobs: "logprobs" };

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
  refuse(request, prompts.length);
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
  const head = {
    id: `cmpl-${randomId()}`,
    object: "text_completion",
    created: Math.floor(Date.now() / 1000),
    model,
    system_fingerprint: systemFingerprint(llm),
  };
  if (!request.stream) return Response.json(await whole(llm, request, answers, echoOf, head));
  await Promise.all(answers.map((answer) => answer.accepted));
  return eventStream(chunks(llm, request, answers, echoOf, head), () => gone.abort());
}

function refuse({ n, echo, logprobs, suffix }: CompletionRequest, prompts: number): void {
  const wrong = (param: string, message: string): never => {
    throw new ApiError(400, "invalid_request_error", `${param}: ${message}`, { param });
  };
  if ((n ?? 1) * prompts > mostAnswers) wrong("n", `${prompts} prompts make more than ${mostAnswers} answers`);
  if (suffix) wrong("suffix", "the model continues texts, and does not fill gaps in them");
  if (echo && logprobs != null)
    wrong("echo", "the prompt's own log-probabilities are not computed; leave out logprobs");
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
  request: CompletionRequest,
  answers: readonly Generation[],
  echoOf: (index: number) => string,
  head: object,
): Promise<object> {
  const { logprobs } = request;
  const results = await Promise.all(answers.map(({ result }) => result));
  return {
    ...head,
    choices: results.map((result, index) => ({
      index,
      text: echoOf(index) + (result.text ?? ""),
      logprobs: logprobs == null ? null : completionLogprobs(llm, result.logprobs ?? [], echoOf(index).length),
      finish_reason: finishReasonBody(result.finishReason),
    })),
    usage: usageBody(
      results.map(({ usage }) => usage),
      request.n ?? 1,
    ),
  };
}

async function* chunks(
  llm: LLM,
  { n, logprobs, stream_options: streamOptions }: CompletionRequest,
  answers: readonly Generation[],
  echoOf: (index: number) => string,
  head: object,
): AsyncGenerator<object> {
  const wantsUsage = streamOptions?.include_usage === true;
  const choice = (index: number, text: string, rest: object = {}): object => ({
    ...head,
    choices: [{ index, text, logprobs: null, finish_reason: null, ...rest }],
    ...(wantsUsage && { usage: null }),
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
  if (!wantsUsage) return;
  const results = await Promise.all(answers.map(({ result }) => result));
  const usages = results.map(({ usage }) => usage);
  yield { ...head, choices: [], usage: usageBody(usages, n ?? 1) };
}
