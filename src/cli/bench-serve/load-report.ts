import { mean, median, percentile, standardDeviation } from "../statistics.ts";
import type { LoadOutcome } from "./send-load.ts";
import type { RequestOutcome } from "./timed-request.ts";

/**
 * Latencies as vLLM names them, in milliseconds. ttft: until the first token. tpot: per token after the first, of a whole request. itl:
 * between two tokens. e2el: until the end.
 */
export const latencyNames = ["ttft", "tpot", "itl", "e2el"] as const;
export type LatencyName = (typeof latencyNames)[number];

/** The most that a request may take to count as good. */
export type Goals = Partial<Readonly<Record<Exclude<LatencyName, "itl">, number>>>;

export type LoadReport = Readonly<Record<string, number | null>>;

type Answered = Extract<RequestOutcome, { readonly ok: true }>;

/** The figures of one load, under the names of the JSON that vLLM's `bench serve` saves; null: nothing was there to measure. */
export function loadReport(
  { outcomes, durationMs }: LoadOutcome,
  percentiles: readonly number[],
  goals: Goals,
): LoadReport {
  const answered = outcomes.filter((outcome) => outcome.ok);
  const seconds = durationMs / 1000;
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  const input = sum(answered.map(({ promptTokens }) => promptTokens));
  const output = sum(answered.map(({ completionTokens }) => completionTokens));
  const good = answered.filter((outcome) => isGood(outcome, goals)).length;
  const report: Record<string, number | null> = {
    duration: seconds,
    completed: answered.length,
    failed: outcomes.length - answered.length,
    total_input_tokens: input,
    total_output_tokens: output,
    request_throughput: answered.length / seconds,
    request_goodput: Object.keys(goals).length === 0 ? null : good / seconds,
    output_throughput: output / seconds,
    total_token_throughput: (input + output) / seconds,
  };
  for (const name of latencyNames) {
    const values = answered.flatMap((outcome) => latencies[name](outcome));
    const put = (statistic: string, of: (values: readonly number[]) => number): void => {
      report[`${statistic}_${name}_ms`] = values.length === 0 ? null : of(values);
    };
    put("mean", mean);
    put("median", median);
    put("std", standardDeviation);
    for (const share of percentiles) put(`p${share}`, (all) => percentile(all, share));
  }
  return report;
}

const latencies: Readonly<Record<LatencyName, (outcome: Answered) => readonly number[]>> = {
  ttft: ({ pieceTimes }) => pieceTimes.slice(0, 1),
  tpot: ({ pieceTimes, completionTokens, endMs }) =>
    pieceTimes.length === 0 || completionTokens < 2 ? [] : [(endMs - pieceTimes[0]) / (completionTokens - 1)],
  itl: ({ pieceTimes }) => pieceTimes.slice(1).map((time, index) => time - pieceTimes[index]),
  e2el: ({ endMs }) => [endMs],
};

function isGood(outcome: Answered, goals: Goals): boolean {
  return Object.entries(goals).every(([name, most]) =>
    latencies[name as LatencyName](outcome).every((value) => value <= most),
  );
}
