import type { GenerationResult } from "../../llm/generation.ts";
import { counted } from "../../util/counted.ts";

/** What the answers of a chat took. */
export class ChatStatistics {
  readonly #contextLength: number;
  #answers = 0;
  #tokens = 0;
  #last: GenerationResult | undefined;

  constructor(contextLength: number) {
    this.#contextLength = contextLength;
  }

  add(result: GenerationResult): void {
    this.#answers++;
    this.#tokens += result.usage.completionTokens;
    this.#last = result;
  }

  /** The last answer in one line; empty before the first. */
  describeLast(): string {
    if (this.#last === undefined) return "";
    const { usage, timings, finishReason } = this.#last;
    const used = usage.promptTokens + usage.completionTokens;
    return (
      `${counted(usage.completionTokens, "token")}, ${timings.decodeTokensPerSecond.toFixed(1)} tokens/s` +
      `, prompt ${counted(usage.promptTokens, "token")}, ${timings.prefillTokensPerSecond.toFixed(1)} tokens/s` +
      `, ended by ${finishReason}, context ${used} of ${this.#contextLength}`
    );
  }

  describe(): string {
    if (this.#last === undefined) return "nothing has been answered yet";
    return `last answer  ${this.describeLast()}\nall answers  ${this.#answers}, ${counted(this.#tokens, "token")}; the seed of the last is ${this.#last.seed}`;
  }
}
