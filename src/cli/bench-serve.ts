import { readFile } from "node:fs/promises";
import { InvalidArgumentError, Option, type Command } from "commander";
import { IoError } from "../util/errors.ts";
import { latencyNames, loadReport, type Goals, type LatencyName, type LoadReport } from "./bench-serve/load-report.ts";
import { filePrompts, randomPrompts, sharedPrefixPrompts, type BenchPrompt } from "./bench-serve/prompts.ts";
import { sendLoad, type Load } from "./bench-serve/send-load.ts";
import { timedRequest, type BenchTarget } from "./bench-serve/timed-request.ts";
import { lineChart } from "./chart/line-chart.ts";
import { addOutputFlags, type OutputFlags } from "./flags/output-flags.ts";
import { integer, number } from "./flags/parse-number.ts";
import { formatTable } from "./format-table.ts";
import { Interruption } from "./interruption.ts";
import { Terminal } from "./terminal.ts";
import { UsageError } from "./usage-error.ts";
import { writeWholeFile } from "./write-whole-file.ts";

interface BenchServeFlags extends OutputFlags {
  readonly baseUrl: string;
  readonly backend: "openai" | "openai-chat" | "vllm";
  readonly endpoint?: string;
  readonly model?: string;
  readonly apiKey?: string;
  readonly datasetName: "random" | "prefix_repetition" | "sharegpt" | "custom";
  readonly datasetPath?: string;
  readonly numPrompts: number;
  readonly randomInputLen: number;
  readonly randomOutputLen: number;
  readonly randomRangeRatio: number;
  readonly prefixRepetitionPrefixLen: number;
  readonly prefixRepetitionSuffixLen: number;
  readonly prefixRepetitionNumPrefixes: number;
  readonly prefixRepetitionOutputLen: number;
  readonly outputLen?: number;
  readonly vocabSize?: number;
  readonly requestRate: readonly number[];
  readonly maxConcurrency: readonly number[];
  readonly temperature?: number;
  readonly ignoreEos: boolean;
  readonly seed: number;
  readonly metricPercentiles: readonly number[];
  readonly goodput?: Goals;
  readonly saveResult?: string;
  readonly plot?: string;
}

const examples = `
The server may be any that speaks the OpenAI API. Figures are those of vLLM's bench serve: TTFT is the time to the first token,
TPOT the time per token after it, ITL the time between two tokens, E2EL the time to the end. Random prompts are ids for
completions, where the server says how large its vocabulary is, else words. Several rates or concurrencies, with commas, are
measured one after the other; --plot draws them.

Examples:
  fewbit serve ./my-model --port 8000 &
  fewbit bench serve --num-prompts 100 --max-concurrency 16
  fewbit bench serve --max-concurrency 1,2,4,8,16 --num-prompts 64 --plot latency.svg
  fewbit bench serve --backend openai-chat --dataset-name sharegpt --dataset-path sharegpt.json --request-rate 2
  fewbit bench serve --dataset-name prefix_repetition --goodput ttft:500 tpot:50 --save-result result.json`;

export function defineBenchServe(command: Command): void {
  const count = integer({ from: 1, to: 2 ** 24 });
  const option = (flags: string, words: string): Option => new Option(flags, words);
  command.description("how a server that runs answers many users").optionsGroup("Server:");
  const server = [
    option("--base-url <url>", "where it listens").default("http://127.0.0.1:8000"),
    option("--backend <name>", "completions, or chats").choices(["openai", "openai-chat", "vllm"]).default("openai"),
    option("--endpoint <path>", "of the route, where it is another than OpenAI's"),
    option("-m, --model <name>", "as the server calls it (default: its first)"),
    option("--api-key <key>", "when it asks for one").env("OPENAI_API_KEY"),
  ];
  const load = [
    option("--num-prompts <count>", "requests of each load").argParser(count).default(1000),
    option("--request-rate <rates>", "requests a second, at random times")
      .argParser(numbers)
      .default([Infinity], "inf"),
    option("--max-concurrency <counts>", "requests under way at most").argParser(numbers).default([Infinity], "inf"),
    option("--seed <seed>", "of prompts and times")
      .argParser(integer({ from: 0, to: 2 ** 31 }))
      .default(0),
  ];
  const length = (flags: string, words: string, tokens: number): Option =>
    option(flags, words).argParser(count).default(tokens);
  const prompts = [
    option("--dataset-name <name>", "what is asked")
      .choices(["random", "prefix_repetition", "sharegpt", "custom"])
      .default("random"),
    option("--dataset-path <file>", "ShareGPT's JSON, or lines of {prompt, output_tokens}"),
    length("--random-input-len <tokens>", "of random prompts", 1024),
    length("--random-output-len <tokens>", "of their answers", 128),
    option("--random-range-ratio <ratio>", "lengths vary by this share")
      .argParser(number({ from: 0, to: 1 }))
      .default(0),
    length("--prefix-repetition-prefix-len <tokens>", "what prompts share", 256),
    length("--prefix-repetition-suffix-len <tokens>", "what each has of its own", 256),
    length("--prefix-repetition-num-prefixes <count>", "how many prefixes there are", 10),
    length("--prefix-repetition-output-len <tokens>", "of their answers", 128),
    option("--output-len <tokens>", "of answers to a file's prompts").argParser(count),
    option("--vocab-size <size>", "random ids are below it; 0 sends words").argParser(
      integer({ from: 0, to: 2 ** 24 }),
    ),
    option("--temperature <value>", "of the answers").argParser(number({ from: 0 })),
    option("--ignore-eos", "answers are as long as they may be").default(false),
  ];
  const results = [
    option("--metric-percentiles <list>", "which to report").argParser(numbers).default([99], "99"),
    option(
      "--goodput <goals...>",
      "ttft:MS tpot:MS e2el:MS; requests that keep to all of them count as good",
    ).argParser(goal),
    option("--save-result <file>", "the figures as JSON"),
    option("--plot <file>", "an SVG of latency against load"),
  ];
  for (const each of server) command.addOption(each);
  command.optionsGroup("Load:");
  for (const each of load) command.addOption(each);
  command.optionsGroup("Prompts:");
  for (const each of prompts) command.addOption(each);
  command.optionsGroup("Results:");
  for (const each of results) command.addOption(each);
  addOutputFlags(command).addHelpText("after", examples).action(benchServe);
}

/** The figures of one load, beside what it was. */
interface Measured extends Load {
  readonly report: LoadReport;
}

async function benchServe(flags: BenchServeFlags): Promise<void> {
  if (flags.requestRate.length > 1 && flags.maxConcurrency.length > 1)
    throw new UsageError("either --request-rate or --max-concurrency takes several values, not both");
  if (flags.metricPercentiles.some((share) => share > 100)) throw new UsageError("a percentile is at most 100");
  const terminal = new Terminal(flags);
  using interruption = new Interruption();
  const { target, vocabSize } = await findTarget(flags);
  // A server may have to wake up; and what it refuses, it refuses now.
  const [first] = await promptsOf({ ...flags, numPrompts: 1 }, vocabSize, flags.seed + 1_000_000);
  const trial = await timedRequest(target, first, interruption.signal);
  interruption.check();
  if (!trial.ok) throw new IoError(`${target.url}: ${trial.error}`);

  const measured: Measured[] = [];
  for (const requestRate of flags.requestRate)
    for (const maxConcurrency of flags.maxConcurrency) {
      // Other prompts for each load: a server may remember those that it has read.
      const load = { requestRate, maxConcurrency, seed: flags.seed + measured.length };
      const prompts = await promptsOf(flags, vocabSize, load.seed);
      const progress = terminal.progress("asking");
      const outcome = await sendLoad(target, prompts, load, interruption.signal, (done) =>
        progress?.(done, prompts.length),
      );
      interruption.check();
      const failure = outcome.outcomes.find((each) => !each.ok);
      if (failure !== undefined) terminal.warn(`some requests failed, the first with: ${failure.error}`);
      measured.push({ ...load, report: loadReport(outcome, flags.metricPercentiles, flags.goodput ?? {}) });
    }

  const results = measured.map((each) => resultOf(each, flags, target));
  const whole = results.length === 1 ? results[0] : results;
  if (flags.saveResult !== undefined) await writeText(flags.saveResult, `${JSON.stringify(whole, null, 2)}\n`);
  if (flags.plot !== undefined) {
    const svg = chart(measured, flags);
    if (svg === undefined) terminal.warn("no answer held any text, so there is nothing to plot");
    else await writeText(flags.plot, svg);
  }
  if (flags.json) terminal.printJson(whole);
  else for (const each of measured) terminal.print(describe(each, flags));
}

async function findTarget(flags: BenchServeFlags): Promise<{ target: BenchTarget; vocabSize: number | undefined }> {
  const { baseUrl, backend, endpoint, apiKey, temperature, ignoreEos } = flags;
  if (!URL.canParse(baseUrl)) throw new UsageError(`--base-url: ${JSON.stringify(baseUrl)} is no URL`);
  const isChat = backend === "openai-chat";
  const url = baseUrl.replace(/\/+$/, "") + (endpoint ?? (isChat ? "/v1/chat/completions" : "/v1/completions"));
  const served = await servedModels(baseUrl, apiKey);
  const model = flags.model ?? served[0]?.id;
  if (model === undefined) throw new UsageError(`${baseUrl} does not say what it serves; --model does`);
  const meta = served.find(({ id }) => id === model)?.meta;
  const known = flags.vocabSize ?? meta?.vocab_size ?? meta?.n_vocab;
  const fields = { ...(temperature !== undefined && { temperature }), ...(ignoreEos && { ignore_eos: true }) };
  return { target: { url, isChat, model, apiKey, fields }, vocabSize: isChat || known === 0 ? undefined : known };
}

interface ServedModel {
  readonly id: string;
  /** Ours says vocab_size, llama-server n_vocab. */
  readonly meta?: { readonly vocab_size?: number; readonly n_vocab?: number };
}

/** Throws IoError when nobody answers; a server without the route serves nothing that is known. */
async function servedModels(baseUrl: string, apiKey: string | undefined): Promise<readonly ServedModel[]> {
  const url = `${baseUrl.replace(/\/+$/, "")}/v1/models`;
  const headers = new Headers(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` });
  const response = await fetch(url, { headers }).catch((cause: unknown) => {
    throw new IoError(`${baseUrl}: nobody answers there; is the server running?`, { cause });
  });
  if (response.status === 401) throw new IoError(`${baseUrl}: asks for a key; --api-key or OPENAI_API_KEY gives one`);
  const body: unknown = await response.json().catch(() => undefined);
  const data = (body as { data?: unknown } | undefined)?.data;
  return Array.isArray(data) ? (data as ServedModel[]) : [];
}

async function promptsOf(
  flags: BenchServeFlags,
  vocabSize: number | undefined,
  seed: number,
): Promise<readonly BenchPrompt[]> {
  const { datasetName, datasetPath, numPrompts: count } = flags;
  if (datasetName === "random")
    return randomPrompts({
      count,
      inputLength: flags.randomInputLen,
      outputLength: flags.randomOutputLen,
      rangeRatio: flags.randomRangeRatio,
      vocabSize,
      seed,
    });
  if (datasetName === "prefix_repetition")
    return sharedPrefixPrompts({
      count,
      prefixes: flags.prefixRepetitionNumPrefixes,
      prefixLength: flags.prefixRepetitionPrefixLen,
      suffixLength: flags.prefixRepetitionSuffixLen,
      outputLength: flags.prefixRepetitionOutputLen,
      vocabSize,
      seed,
    });
  if (datasetPath === undefined) throw new UsageError(`--dataset-name ${datasetName} needs --dataset-path`);
  const text = await readFile(datasetPath, "utf8").catch((cause: NodeJS.ErrnoException) => {
    throw new IoError(`${datasetPath}: cannot be read (${cause.code})`, { cause });
  });
  return filePrompts(text, datasetPath, count, flags.outputLen);
}

/** The fields of vLLM's file; an infinite rate is "inf" there, and no limit null. */
function resultOf(
  { requestRate, maxConcurrency, report }: Measured,
  flags: BenchServeFlags,
  target: BenchTarget,
): object {
  return {
    date: new Date().toISOString(),
    backend: flags.backend,
    model_id: target.model,
    num_prompts: flags.numPrompts,
    request_rate: requestRate === Infinity ? "inf" : requestRate,
    max_concurrency: maxConcurrency === Infinity ? null : maxConcurrency,
    ...report,
  };
}

const titles: Readonly<Record<LatencyName, string>> = {
  ttft: "Time to first token",
  tpot: "Time per output token (without the first)",
  itl: "Time between tokens",
  e2el: "Time to the end",
};

/** The summary as vLLM prints it. */
function describe(
  { requestRate, maxConcurrency, report }: Measured,
  { metricPercentiles, goodput }: BenchServeFlags,
): string {
  const figure = (name: string, digits = 2): string => report[name]?.toFixed(digits) ?? "–";
  const heads = [
    ["", ""],
    ["Successful requests", figure("completed", 0)],
  ];
  if (report.failed !== 0) heads.push(["Failed requests", figure("failed", 0)]);
  if (maxConcurrency !== Infinity) heads.push(["Maximum concurrency", String(maxConcurrency)]);
  if (requestRate !== Infinity) heads.push(["Request rate (req/s)", String(requestRate)]);
  heads.push(
    ["Duration (s)", figure("duration")],
    ["Total input tokens", figure("total_input_tokens", 0)],
    ["Total generated tokens", figure("total_output_tokens", 0)],
    ["Request throughput (req/s)", figure("request_throughput")],
  );
  if (goodput !== undefined) heads.push(["Request goodput (req/s)", figure("request_goodput")]);
  heads.push(
    ["Output token throughput (tok/s)", figure("output_throughput")],
    ["Total token throughput (tok/s)", figure("total_token_throughput")],
  );
  const statistics = ["mean", "median", ...metricPercentiles.map((share) => `p${share}`)];
  const latency = [
    ["milliseconds", ...statistics],
    ...latencyNames.map((name) => [titles[name], ...statistics.map((each) => figure(`${each}_${name}_ms`))]),
  ];
  const right = statistics.map(() => "right" as const);
  return [formatTable(heads, ["left", "right"]), "", formatTable(latency, ["left", ...right]), ""].join("\n");
}

/** Against tokens per second, which is what load a server bears; undefined: nothing was there to measure. */
function chart(measured: readonly Measured[], { metricPercentiles }: BenchServeFlags): string | undefined {
  const high = `p${metricPercentiles.at(-1) ?? 99}`;
  const lines = (["ttft", "itl"] as const).flatMap((name) =>
    ["median", high].map((statistic) => ({
      name: `${name.toUpperCase()} ${statistic}`,
      points: measured.flatMap(({ report }) => {
        const latency = report[`${statistic}_${name}_ms`];
        return latency == null ? [] : [{ x: report.output_throughput ?? 0, y: latency }];
      }),
    })),
  );
  const series = lines.filter(({ points }) => points.length > 0);
  if (series.length === 0) return undefined;
  return lineChart({
    title: "Latency against load",
    x: { label: "output tokens per second, all users together" },
    y: { label: "milliseconds" },
    series,
  });
}

async function writeText(path: string, text: string): Promise<void> {
  await writeWholeFile(path, (write) => write(new TextEncoder().encode(text)));
}

/** "1,2,inf" */
function numbers(text: string): readonly number[] {
  const values = text.split(",").map((each) => (each.trim() === "inf" ? Infinity : Number(each.trim() || NaN)));
  if (values.some((value) => !(value > 0)))
    throw new InvalidArgumentError("It must be numbers above 0, with commas between, or inf.");
  return values;
}

/** "ttft:200", once or several times. */
function goal(text: string, goals: Goals = {}): Goals {
  const [, name, value] = /^(ttft|tpot|e2el):(\d+(?:\.\d+)?)$/.exec(text) ?? [];
  if (name === undefined)
    throw new InvalidArgumentError("Goals look like ttft:200 tpot:50 e2el:5000, in milliseconds.");
  return { ...goals, [name]: Number(value) };
}
