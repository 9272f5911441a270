import type { FinishReason, Usage } from "../../llm/generation.ts";

/** Tokens as OpenAI counts them; of several answers to one prompt, the prompt once. */
export function usageBody(usages: readonly Usage[]) {
  const prompt = usages[0]?.promptTokens ?? 0;
  const completion = usages.reduce((sum, { completionTokens }) => sum + completionTokens, 0);
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: usages[0]?.cachedTokens ?? 0 },
  };
}

/** OpenAI has no word for an answer that was cancelled; nobody is there to read it either. */
export function finishReasonBody(reason: FinishReason): "stop" | "length" {
  return reason === "length" ? "length" : "stop";
}
