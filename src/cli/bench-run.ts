import type { Command } from "commander";
import type { DeviceRates } from "../device/backend.ts";
import type { EngineOptions } from "../llm/engine-options.ts";
import { addCommonFlags, engineOptions, type CommonFlags } from "./flags/common-flags.ts";
import { addModel, namedModel, type ModelFlag } from "./flags/model-flag.ts";
import { integer } from "./flags/parse-number.ts";
import { addSyntheticFlags, syntheticModel, type SyntheticFlags } from "./flags/synthetic-flags.ts";
import { formatTable } from "./format-table.ts";
import { Interruption } from "./interruption.ts";
import { openDriver, type OpenDriver } from "./open-driver.ts";
import { decodeBytesPerToken, promptOperations } from "./program-cost.ts";
import { RunBench, type RunBenchOptions } from "./run-bench.ts";
import { mean, median, standardDeviation } from "./statistics.ts";
import { Terminal } from "./terminal.ts";
import { UsageError } from "./usage-error.ts";

type BenchRunFlags = CommonFlags & ModelFlag & SyntheticFlags & RunBenchOptions;

const examples = `
As llama-bench: one warm-up, random tokens, no sampling, an f16 KV cache unless --kv-cache-dtype or --dtype says otherwise, the
logits of a prompt's last token only. The share of the bandwidth is bytes per token x tokens per second over what this
machine was measured to read.

Examples:
  fewbit bench run ./my-model
  fewbit bench run ./my-model -p 512 -n 128 -d 4096 -r 3 --json
  fewbit bench run ./my-model -p 0 -n 64 -b 16
  fewbit bench run --synthetic llama3-8b --bits 4 --group-size 128`;

export function defineBenchRun(command: Command): void {
  const count = integer({ from: 0, to: 2 ** 24 });
  addModel(command);
  command
    .description("tokens per second of reading a prompt (pp) and of writing an answer (tg)")
    .option("-p, --prompt <tokens>", "tokens of the prompt; 0 leaves pp out", count, 512)
    .option("-n, --generate <tokens>", "tokens of the answer; 0 leaves tg out", count, 128)
    .option("-d, --depth <positions>", "positions filled before, which do not count", count, 0)
    .option("-b, --batch <sequences>", "answers written at once", integer({ from: 1, to: 1024 }), 1)
    .option("-r, --repetitions <count>", "how often each is measured", integer({ from: 1, to: 10_000 }), 5);
  addSyntheticFlags(command);
  addCommonFlags(command).addHelpText("after", examples).action(benchRun);
}

async function benchRun(argument: string | undefined, flags: BenchRunFlags): Promise<void> {
  const { prompt, generate, depth, batch, repetitions } = flags;
  if (prompt + generate === 0) throw new UsageError("-p 0 and -n 0 leave nothing to measure");
  const terminal = new Terminal(flags);
  using interruption = new Interruption();
  const name = namedModel(argument, flags);
  await using opened = await openDriver({
    model: syntheticModel(flags, name) ?? name,
    flags,
    engine: benchOptions(flags),
    needs: {
      positions: Math.max(depth + Math.max(prompt, generate), flags.ctxSize ?? 0),
      sequences: batch,
      outputs: () => batch,
    },
    terminal,
    signal: interruption.signal,
  });
  const bench = new RunBench(opened.driver, opened.compiled.program.vocabSize, flags);
  const progress = terminal.progress("measuring");
  const onProgress = (done: number): void => progress?.(done, 2 * (repetitions + 1));
  const pp = await bench.measurePrompt(onProgress);
  const tg = await bench.measureGeneration((done) => onProgress(done + repetitions + 1));
  onProgress(2 * (repetitions + 1));
  const report = createReport(opened, flags, { pp, tg }, await opened.device.measure?.());
  if (flags.json) terminal.printJson(report);
  else terminal.print(describe(opened, report));
}

/** Exact activations bring an f32 cache along elsewhere; here the cache stays what peers have. */
function benchOptions(flags: BenchRunFlags): EngineOptions {
  const options = engineOptions(flags);
  const wantsExact = options.activations === "f32" && options.dtype === undefined && options.backend !== "reference";
  return wantsExact && options.cacheType === undefined ? { ...options, cacheType: "f16" } : options;
}

interface Rates {
  readonly pp: readonly number[];
  readonly tg: readonly number[];
}

/** What `--json` prints: the first nine are a contract with scripts. */
interface BenchReport {
  readonly pp: { readonly tokens: number; readonly tokensPerSecond: readonly number[] };
  readonly tg: { readonly tokens: number; readonly tokensPerSecond: readonly number[] };
  readonly depth: number;
  readonly batch: number;
  readonly threads: number;
  readonly backend: string;
  /** Read by a decode step, by each of its tokens, half way through the answer. */
  readonly bytesPerToken: number;
  /** Of tg; null: nothing to hold it against. */
  readonly shareOfBandwidth: number | null;
  /** Of a token's linears when it is decoded, its head among them. */
  readonly operationsPerToken: number;
  /** Of pp: the operations of its linears. */
  readonly shareOfDotPeak: number | null;
  readonly readRate: number | null;
  readonly dotRate: number | null;
}

function createReport(
  { compiled: { program, weights }, device }: OpenDriver,
  { prompt, generate, depth, batch }: BenchRunFlags,
  { pp, tg }: Rates,
  limits: DeviceRates | undefined,
): BenchReport {
  const positions = depth + (generate + 1) / 2;
  const bytesPerToken = Math.round(decodeBytesPerToken(program, weights, device, { batch, positions }));
  const share = (rates: readonly number[], costPerToken: number, limit: number | undefined): number | null =>
    rates.length === 0 || limit === undefined ? null : (median(rates) * costPerToken) / limit;
  return {
    pp: { tokens: prompt, tokensPerSecond: pp },
    tg: { tokens: generate, tokensPerSecond: tg },
    depth,
    batch,
    threads: device.threads,
    backend: device.backend,
    bytesPerToken,
    operationsPerToken: promptOperations(program, 1),
    shareOfBandwidth: share(tg, bytesPerToken, limits?.readRate),
    shareOfDotPeak: share(pp, promptOperations(program, prompt) / prompt, limits?.dotRate),
    readRate: limits?.readRate ?? null,
    dotRate: limits?.dotRate ?? null,
  };
}

/** A table as llama-bench prints it, then what its figures mean. */
function describe({ compiled, device, model }: OpenDriver, report: BenchReport): string {
  const { pp, tg, depth, batch, bytesPerToken, shareOfBandwidth, shareOfDotPeak, readRate, dotRate } = report;
  const size = compiled.weights.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const parameters = compiled.program.weights.reduce(
    (sum, { inFeatures, outFeatures }) => sum + inFeatures * outFeatures,
    0,
  );
  const at = depth === 0 ? "" : ` @ d${depth}`;
  const row = (test: string, rates: readonly number[]): readonly string[][] =>
    rates.length === 0
      ? []
      : [
          [
            model.architecture,
            `${(size / 2 ** 20).toFixed(1)} MiB`,
            `${(parameters / 1e6).toFixed(1)} M`,
            device.backend,
            String(device.threads),
            test + at,
            `${mean(rates).toFixed(2)} ± ${standardDeviation(rates).toFixed(2)}`,
          ],
        ];
  const table = formatTable(
    [
      ["model", "size", "params", "backend", "threads", "test", "tokens/s"],
      ...row(`pp${pp.tokens}`, pp.tokensPerSecond),
      ...row(`tg${tg.tokens}${batch === 1 ? "" : ` × ${batch}`}`, tg.tokensPerSecond),
    ],
    ["left", "right", "right", "left", "right", "left", "right"],
  );
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
  const notes = [`${device.description}, ${device.activations} activations, ${device.cacheType} KV cache`];
  if (shareOfDotPeak !== null && dotRate !== null)
    notes.push(`pp: ${percent(shareOfDotPeak)} of the ${(dotRate / 1e9).toFixed(0)} GOPS measured here`);
  if (shareOfBandwidth !== null && readRate !== null)
    notes.push(
      `tg: reads ${(bytesPerToken / 1e6).toFixed(1)} MB a token, ${percent(shareOfBandwidth)} of the ${(readRate / 1e9).toFixed(1)} GB/s measured here`,
    );
  return [table, "", ...notes].join("\n");
}
