import type { Command } from "commander";
import { uniformAt } from "../device/random.ts";
import type { LLM } from "../llm/llm.ts";
import { addCommonFlags, type CommonFlags } from "./flags/common-flags.ts";
import { addModel, namedModel, type ModelFlag } from "./flags/model-flag.ts";
import { integer } from "./flags/parse-number.ts";
import { addSyntheticFlags, syntheticModel, type SyntheticFlags } from "./flags/synthetic-flags.ts";
import { formatTable } from "./format-table.ts";
import { Interruption } from "./interruption.ts";
import { loadModel } from "./load-model.ts";
import { mean, percentile } from "./statistics.ts";
import { Terminal } from "./terminal.ts";

interface BenchLatencyFlags extends CommonFlags, ModelFlag, SyntheticFlags {
  readonly inputLen: number;
  readonly outputLen: number;
  readonly batchSize: number;
  readonly numItersWarmup: number;
  readonly numIters: number;
}

const examples = `
As vLLM's bench latency: a batch of prompts of random tokens, submitted together, until the last answer is whole. Every
batch has prompts of its own, so that nothing is remembered from the one before.

Examples:
  fewbit bench latency ./my-model
  fewbit bench latency ./my-model --input-len 512 --output-len 1 --batch-size 16 --num-iters 5 --json`;

export function defineBenchLatency(command: Command): void {
  const count = integer({ from: 1, to: 2 ** 20 });
  addModel(command);
  command
    .description("seconds from submitting a batch of prompts to the end of its answers")
    .option("--input-len <tokens>", "of every prompt", count, 32)
    .option("--output-len <tokens>", "of every answer", count, 128)
    .option("--batch-size <count>", "prompts at once", integer({ from: 1, to: 1024 }), 8)
    .option("--num-iters-warmup <count>", "batches that do not count", integer({ from: 0, to: 10_000 }), 1)
    .option("--num-iters <count>", "batches that count", integer({ from: 1, to: 10_000 }), 10);
  addSyntheticFlags(command);
  addCommonFlags(command).addHelpText("after", examples).action(benchLatency);
}

const reported = [10, 25, 50, 75, 90, 99] as const;

async function benchLatency(argument: string | undefined, flags: BenchLatencyFlags): Promise<void> {
  const { inputLen, outputLen, batchSize, numItersWarmup, numIters } = flags;
  const terminal = new Terminal(flags);
  using interruption = new Interruption();
  const name = namedModel(argument, flags);
  const model = syntheticModel(flags, name) ?? name;
  const ctxSize = Math.max(flags.ctxSize ?? 0, inputLen + outputLen);
  const loading = { maxSequences: batchSize, inProcess: true };
  await using llm = await loadModel(model, { ...flags, ctxSize }, terminal, interruption.signal, loading);
  const progress = terminal.progress("measuring");
  const latencies: number[] = [];
  for (let batch = 0; batch < numItersWarmup + numIters; batch++) {
    progress?.(batch, numItersWarmup + numIters);
    const seconds = await timeBatch(llm, flags, batch, interruption.signal);
    interruption.check();
    if (batch >= numItersWarmup) latencies.push(seconds);
  }
  progress?.(1, 1);

  const average = mean(latencies);
  const percentiles = reported.map((share) => [String(share), percentile(latencies, share)] as const);
  if (flags.json) {
    terminal.printJson({ avgLatency: average, percentiles: Object.fromEntries(percentiles), latencies });
    return;
  }
  const rows = [
    ["", "seconds"],
    ["average", average.toFixed(4)],
    ...percentiles.map(([share, value]) => [`p${share}`, value.toFixed(4)]),
  ];
  const tokens = batchSize * (inputLen + outputLen);
  terminal.print(formatTable(rows, ["left", "right"]));
  terminal.print(`\n${batchSize} × ${inputLen} tokens in, ${outputLen} out: ${(tokens / average).toFixed(1)} tokens/s`);
}

async function timeBatch(
  llm: LLM,
  { inputLen, outputLen, batchSize }: BenchLatencyFlags,
  batch: number,
  signal: AbortSignal,
): Promise<number> {
  const options = { maxTokens: outputLen, temperature: 0, ignoreEos: true, signal };
  const prompts = Array.from({ length: batchSize }, (_, index) =>
    randomIds(inputLen, llm.info.vocabSize, batch * batchSize + index),
  );
  const start = performance.now();
  await Promise.all(prompts.map((ids) => llm.generate(ids, options).result));
  return (performance.now() - start) / 1000;
}

/** The same in every run of the program. */
function randomIds(count: number, vocabSize: number, sequence: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => Math.floor(uniformAt(sequence, 0, index) * vocabSize));
}
