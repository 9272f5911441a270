import type { LLM } from "../llm/llm.ts";
import type { Histogram } from "../llm/request-totals.ts";

/**
 * What models do, in Prometheus' text format. The names are vLLM's where it has one, so that routers and dashboards made for it need not be
 * told anything: Gateway API Inference Extension docs/proposals/003-model-server-protocol, llm-d docs/architecture/model-servers.
 */
export async function metricsText(models: ReadonlyMap<string, LLM>): Promise<string> {
  const metrics = new Metrics();
  for (const [name, llm] of models) await describe(metrics, name, llm);
  return metrics.text();
}

async function describe(metrics: Metrics, model: string, llm: LLM): Promise<void> {
  const { totals, info } = llm;
  const stats = await llm.stats();
  const labels = { model_name: model };
  const gauge = (name: string, help: string, value: number): void => metrics.add(name, "gauge", help, labels, value);
  const counter = (name: string, help: string, value: number, more: Labels = {}): void =>
    metrics.add(name, "counter", help, { ...labels, ...more }, value);
  gauge("vllm:num_requests_running", "Answers that are computed now.", stats.running);
  gauge("vllm:num_requests_waiting", "Answers that wait for their turn.", stats.waiting);
  gauge(
    "vllm:kv_cache_usage_perc",
    "Share of the pages that answers hold, from 0 to 1.",
    stats.pagesUsed / Math.max(1, stats.pagesTotal),
  );
  const blockSize = Math.round(info.cachePositions / Math.max(1, stats.pagesTotal));
  const cache = { block_size: String(blockSize), num_gpu_blocks: String(stats.pagesTotal) };
  metrics.add(
    "vllm:cache_config_info",
    "gauge",
    "Positions of a page, and how many pages there are.",
    { ...labels, ...cache },
    1,
  );
  counter("vllm:prompt_tokens_total", "Tokens of prompts.", totals.promptTokens);
  counter("vllm:generation_tokens_total", "Tokens of answers.", totals.completionTokens);
  counter(
    "vllm:prefix_cache_queries_total",
    "Tokens that were looked for among what had been computed.",
    totals.promptTokens,
  );
  counter("vllm:prefix_cache_hits_total", "Tokens of prompts that were not computed again.", totals.cachedTokens);
  counter("vllm:num_preemptions_total", "How often an answer had to make room for others.", stats.preemptions);
  for (const reason of ["stop", "length"] as const)
    counter("vllm:request_success_total", "Answers that came to their end.", totals.finished[reason], {
      finished_reason: reason,
    });
  counter("vllm:request_success_total", "", totals.finished.cancelled, { finished_reason: "abort" });
  metrics.histogram(
    "vllm:time_to_first_token_seconds",
    "From the request to the first token.",
    labels,
    totals.firstToken,
  );
  metrics.histogram(
    "vllm:request_queue_time_seconds",
    "From the request to the first step with it.",
    labels,
    totals.queued,
  );
  metrics.histogram(
    "vllm:request_time_per_output_token_seconds",
    "Between the tokens of one answer, on average.",
    labels,
    totals.perToken,
  );
  // The second is its older name, which dashboards still have.
  for (const name of ["vllm:inter_token_latency_seconds", "vllm:time_per_output_token_seconds"])
    metrics.histogram(name, "Between two tokens of one answer.", labels, totals.interToken);
  metrics.histogram("vllm:e2e_request_latency_seconds", "From the request to the last token.", labels, totals.whole);
  counter("fewbit:requests_failed_total", "Requests that ended with an error.", totals.failed);
  counter("fewbit:engine_steps_total", "Steps that the engine has run.", stats.steps);
  gauge("fewbit:kv_pages_cached", "Pages that nobody holds, kept for what begins alike.", stats.pagesCached);
}

type Labels = Readonly<Record<string, string>>;

/** Samples by metric, since those of one must stand together. */
class Metrics {
  readonly #lines = new Map<string, string[]>();

  add(name: string, type: "gauge" | "counter" | "histogram", help: string, labels: Labels, value: number): void {
    this.#of(name, type, help).push(`${name}${written(labels)} ${value}`);
  }

  histogram(name: string, help: string, labels: Labels, { bounds, counts, sum }: Histogram): void {
    const lines = this.#of(name, "histogram", help);
    let total = 0;
    counts.forEach((count, i) => {
      total += count;
      lines.push(
        `${name}_bucket${written({ ...labels, le: i < bounds.length ? String(bounds[i]) : "+Inf" })} ${total}`,
      );
    });
    lines.push(`${name}_sum${written(labels)} ${sum}`, `${name}_count${written(labels)} ${total}`);
  }

  text(): string {
    return [...this.#lines.values()]
      .flat()
      .map((line) => `${line}\n`)
      .join("");
  }

  #of(name: string, type: string, help: string): string[] {
    let lines = this.#lines.get(name);
    if (lines === undefined) {
      lines = [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
      this.#lines.set(name, lines);
    }
    return lines;
  }
}

function written(labels: Labels): string {
  const escaped = (value: string): string => value.replace(/[\\"]/g, "\\$&").replaceAll("\n", "\\n");
  return `{${Object.entries(labels)
    .map(([name, value]) => `${name}="${escaped(value)}"`)
    .join(",")}}`;
}
