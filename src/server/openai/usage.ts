import type { Usage } from "../../llm/generation.ts";
import type { AnswerFinishReason } from "../../llm/tools/chat-answer.ts";

/** Tokens as OpenAI counts them. Of several answers to one prompt, which follow each other, the prompt counts once. */
export function usageBody(usages: readonly Usage[], answersPerPrompt: number) {
  const prompts = usages.filter((_, index) => index % answersPerPrompt === 0);
  const prompt = sumOf(prompts.map(({ promptTokens }) => promptTokens));
  const completion = sumOf(usages.map(({ completionTokens }) => completionTokens));
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: sumOf(prompts.map(({ cachedTokens }) => cachedTokens)) },
  };
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

/** OpenAI has no word for an answer that was cancelled; nobody is there to read it either. */
export function finishReasonBody(reason: AnswerFinishReason): "stop" | "length" | "tool_calls" {
  if (reason === "tool-calls") return "tool_calls";
  return reason === "length" ? "length" : "stop";
}
