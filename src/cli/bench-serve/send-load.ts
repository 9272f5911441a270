import { setMaxListeners } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { uniformAt } from "../../device/random.ts";
import type { BenchPrompt } from "./prompts.ts";
import { timedRequest, type BenchTarget, type RequestOutcome } from "./timed-request.ts";

export interface Load {
  /** Requests a second on average, in gaps as independent users leave them (a Poisson process); Infinity: all at once. */
  readonly requestRate: number;
  /** Requests under way at most: those that come while there are as many wait, and their time counts from when they are sent. */
  readonly maxConcurrency: number;
  readonly seed: number;
}

export interface LoadOutcome {
  readonly outcomes: readonly RequestOutcome[];
  /** From the first request until the last answer. */
  readonly durationMs: number;
}

/** Sends all prompts under a load. Aborting the signal ends those under way, and sends no more. */
export async function sendLoad(
  target: BenchTarget,
  prompts: readonly BenchPrompt[],
  { requestRate, maxConcurrency, seed }: Load,
  signal: AbortSignal,
  onProgress: (done: number) => void,
): Promise<LoadOutcome> {
  setMaxListeners(0, signal); // one for every request under way
  const outcomes: RequestOutcome[] = [];
  const underWay = new Set<Promise<void>>();
  const start = performance.now();
  let arrival = start;
  for (const [index, prompt] of prompts.entries()) {
    if (index > 0) arrival += gapMs(requestRate, seed, index);
    const wait = arrival - performance.now();
    if (wait > 0) await delay(wait, undefined, { signal }).catch(() => undefined);
    while (underWay.size >= maxConcurrency) await Promise.race(underWay);
    if (signal.aborted) break;
    const sent: Promise<void> = timedRequest(target, prompt, signal).then((outcome) => {
      outcomes.push(outcome);
      underWay.delete(sent);
      onProgress(outcomes.length);
    });
    underWay.add(sent);
  }
  await Promise.all(underWay);
  return { outcomes, durationMs: performance.now() - start };
}

/** Gaps of a Poisson process are exponentially distributed. */
function gapMs(requestRate: number, seed: number, index: number): number {
  return requestRate === Infinity ? 0 : (-Math.log(1 - uniformAt(seed, 1, index)) / requestRate) * 1000;
}
