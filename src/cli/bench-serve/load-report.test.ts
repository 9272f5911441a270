import { expect, test } from "vitest";
import { loadReport } from "./load-report.ts";
import type { RequestOutcome } from "./timed-request.ts";

const outcomes: readonly RequestOutcome[] = [
  { ok: true, promptTokens: 10, completionTokens: 3, pieceTimes: [100, 150, 250], endMs: 250 },
  { ok: true, promptTokens: 20, completionTokens: 1, pieceTimes: [300], endMs: 310 },
  { ok: false, error: "status 429" },
];

test("latencies and throughputs, of what was answered", () => {
  const report = loadReport({ outcomes, durationMs: 2000 }, [50, 99], { ttft: 200, e2el: 300 });
  expect(report).toMatchObject({
    duration: 2,
    completed: 2,
    failed: 1,
    total_input_tokens: 30,
    total_output_tokens: 4,
    request_throughput: 1,
    request_goodput: 0.5,
    output_throughput: 2,
    total_token_throughput: 17,
    mean_ttft_ms: 200,
    p50_ttft_ms: 200,
    mean_tpot_ms: 75, // a single token has none
    mean_itl_ms: 75,
    median_e2el_ms: 280,
  });
  expect(report.p99_ttft_ms).toBeCloseTo(298);
});

test("what was not there to measure is null", () => {
  const report = loadReport({ outcomes: [outcomes[2]], durationMs: 10 }, [99], {});
  expect(report).toMatchObject({ completed: 0, mean_ttft_ms: null, p99_e2el_ms: null, request_goodput: null });
});
