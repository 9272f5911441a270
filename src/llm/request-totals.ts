import type { FinishReason, GenerationTimings, Usage } from "./generation.ts";

/** How many values fell into which range: `counts[i]` are those up to `bounds[i]` and above the one before; the last has no bound. */
export class Histogram {
  readonly bounds: readonly number[];
  readonly counts: number[];
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  add(value: number): void {
    const found = this.bounds.findIndex((bound) => value <= bound);
    this.counts[found < 0 ? this.bounds.length : found]++;
    this.sum += value;
  }
}

const waits = [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80];
const perToken = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5];
const whole = [0.1, 0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960];

/** What a model has answered since it was loaded; times in seconds. */
export class RequestTotals {
  readonly finished: Record<FinishReason, number> = { stop: 0, length: 0, cancelled: 0 };
  failed = 0;
  promptTokens = 0;
  /** Those of promptTokens that were not computed. */
  cachedTokens = 0;
  completionTokens = 0;
  /** From the submission to the first token. */
  readonly firstToken = new Histogram(waits);
  readonly queued = new Histogram(waits);
  /** Of answers of several tokens, between one and the next, on average. */
  readonly perToken = new Histogram(perToken);
  /** Between any two tokens of one answer. */
  readonly interToken = new Histogram(perToken);
  readonly whole = new Histogram(whole);

  /** Counts an answer that has come to its end. */
  add(reason: FinishReason, usage: Usage, { queuedMs, prefillMs, decodeMs }: GenerationTimings): void {
    this.finished[reason]++;
    this.promptTokens += usage.promptTokens;
    this.cachedTokens += usage.cachedTokens;
    this.completionTokens += usage.completionTokens;
    if (usage.completionTokens === 0) return;
    this.queued.add(queuedMs / 1000);
    this.firstToken.add((queuedMs + prefillMs) / 1000);
    if (usage.completionTokens > 1) this.perToken.add(decodeMs / 1000 / (usage.completionTokens - 1));
    this.whole.add((queuedMs + prefillMs + decodeMs) / 1000);
  }
}
