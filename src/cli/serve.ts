import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { Option, type Command } from "commander";
import { createNodeHost } from "../entry/node.ts";
import { loopbackHosts } from "../server/hosts.ts";
import { createServer } from "../server/create-server.ts";
import type { RequestRecord } from "../server/observe-requests.ts";
import { IoError } from "../util/errors.ts";
import { addCommonFlags, type CommonFlags } from "./flags/common-flags.ts";
import { collect } from "./flags/collect.ts";
import { addConfiguredFlags, configured } from "./flags/configured-flags.ts";
import { addModelsFlag, modelDescription, type ModelsFlag } from "./flags/model-flag.ts";
import { byteCount, integer, number } from "./flags/parse-number.ts";
import { Interruption } from "./interruption.ts";
import { loadModel, type ServingOptions } from "./load-model.ts";
import { readPage } from "./read-page.ts";
import { listen } from "./serve/listener.ts";
import { Terminal } from "./terminal.ts";
import { UsageError } from "./usage-error.ts";

interface ServeFlags extends CommonFlags, ModelsFlag {
  readonly host: string;
  readonly port: number;
  readonly servedModelName?: readonly string[];
  readonly apiKey?: readonly string[];
  readonly apiKeyFile?: string;
  readonly metricsWithoutKey?: boolean;
  readonly allowedHost?: readonly string[];
  readonly corsOrigin?: readonly string[];
  readonly logRequests?: boolean;
  readonly maxNumSeqs: number;
  readonly inProcess?: boolean;
  readonly stepTimeout: number;
  readonly kvCacheMemory?: number;
  readonly gpuMemoryUtilization?: number;
  readonly maxConcurrentRequests: number;
  readonly requestTimeout: number;
  readonly queueTimeout: number;
  readonly sendTimeout: number;
}

const examples = `
The server speaks the OpenAI API: /v1/chat/completions, /v1/completions, /v1/responses, /v1/embeddings, /v1/models; Anthropic's
/v1/messages; TGI's /generate, /generate_stream, /info; llama-server's /tokenize, /detokenize, /apply-template, /props; and /health,
and /metrics for Prometheus. It is bound to this machine unless --host says otherwise; with a key, every request but /health must
bring it. Keys also come from FEWBIT_API_KEY.

Every model runs in a process of its own, which is started again when it crashes or hangs: answers that were under way go on. Several
models are loaded one after the other; POST /v1/unload and /v1/load with {"model":"NAME"} free one and bring it back, and GET /v1/stats
says what each is doing. On Ctrl-C or SIGTERM new requests get status 503, answers under way are finished, and the server ends; a second signal ends it at once.

What is not on the command line comes from the environment, FEWBIT_SERVE_PORT=9000 for --port 9000, and then from the file of --config,
in YAML or JSON, with the names of the flags:

  model: [./small, ./large]
  served-model-name: [small, large]
  port: 9000
  log-requests: true

Examples:
  fewbit serve
  fewbit serve Qwen/Qwen2.5-0.5B-Instruct --port 9000
  fewbit serve ./small ./large --served-model-name small large
  fewbit serve ./my-model --host 0.0.0.0 --api-key-file ./keys.txt --max-num-seqs 16
  fewbit serve --config fewbit.yaml --port 9001
  curl localhost:8000/v1/chat/completions -H "Content-Type: application/json" \\
    -d '{"messages":[{"role":"user","content":"Hi"}],"stream":true}'`;

export function defineServe(command: Command): void {
  command
    .argument("[models...]", modelDescription)
    .option("--host <address>", "where to listen; 0.0.0.0 for all networks", "127.0.0.1")
    .addOption(
      new Option("--port <port>", "0 takes a free one").argParser(integer({ from: 0, to: 65535 })).default(8000),
    )
    .option(
      "--served-model-name <names...>",
      "what clients call each model, or several names of one (default: its folder or id)",
    )
    .option("--api-key <key>", "who may ask; may be given several times", collect)
    .option("--api-key-file <path>", "keys, one a line")
    .option("--metrics-without-key", "let /metrics be read by scrapers that have no key")
    .option(
      "--allowed-host <name>",
      "a name besides localhost by which a server without keys on this machine may be called",
      collect,
    )
    .option(
      "--cors-origin <origin>",
      "whose pages may ask from a browser; may be given several times, * for all",
      collect,
    )
    .option("--log-requests", "a line of JSON on stderr for every request, without what was asked or said")
    .addOption(
      new Option("--max-num-seqs <count>", "answers that are computed at once")
        .argParser(integer({ from: 1, to: 1024 }))
        .default(8),
    )
    .addOption(
      new Option(
        "--kv-cache-memory <size>",
        "keys and values of all answers together, like 4GiB (default: one context, and 1,024 tokens for each further answer)",
      ).argParser(byteCount),
    )
    .addOption(
      new Option(
        "--gpu-memory-utilization <share>",
        "of the GPU's memory, or of the machine's on the CPU, for weights and caches of a model together; in place of the former",
      ).argParser(number({ from: 0.01, to: 1 })),
    )
    .addOption(
      new Option("--max-concurrent-requests <count>", "requests under way or waiting, beyond which they get status 429")
        .argParser(integer({ from: 1, to: 2 ** 20 }))
        .default(256),
    )
    .addOption(seconds("--request-timeout", "an answer that takes longer fails with status 408", 0))
    .addOption(seconds("--queue-timeout", "a request that waits longer to be begun fails with status 429", 0))
    .addOption(
      seconds(
        "--send-timeout",
        "a client that takes nothing of its answer for so long is cut off, and its request ends",
        60,
      ),
    )
    .addOption(seconds("--step-timeout", "a step that takes longer hangs, and its process is replaced", 120))
    .option("--in-process", "run models in the server's own process, where a crash ends both");
  addModelsFlag(command);
  addConfiguredFlags(command, "FEWBIT_SERVE");
  addCommonFlags(command).addHelpText("after", examples).action(serve);
}

/** A flag of seconds, of which 0 are for ever. */
function seconds(name: string, description: string, byDefault: number): Option {
  return new Option(`${name} <seconds>`, `${description}; 0: no limit`)
    .argParser(integer({ from: 0, to: 2 ** 21 }))
    .default(byDefault);
}

async function serve(positional: readonly string[], flags: ServeFlags, command: Command): Promise<void> {
  const given = givenModels(positional, flags, command.getOptionValueSource("model") === configured);
  const names = servedNames(given, flags.servedModelName);
  const apiKeys = await readKeys(flags);
  const terminal = new Terminal(flags);
  using interruption = new Interruption();
  const sources = given.map((name) => ({
    load: async (signal: AbortSignal) => {
      const either = AbortSignal.any([signal, interruption.signal]);
      const llm = await loadModel(name, flags, terminal, either, loadOptions(flags));
      await llm.warmUp();
      return llm;
    },
  }));
  const server = createServer({
    models: new Map(names.map(({ name, source }) => [name, sources[source]])),
    apiKeys,
    metricsNeedKey: !flags.metricsWithoutKey,
    hosts: allowedHosts(flags, apiKeys),
    maxRequests: flags.maxConcurrentRequests,
    page: await readPage(),
    corsOrigins: flags.corsOrigin,
    onRequest: flags.logRequests ? logRequest : undefined,
  });
  // It listens before the models are there, so that /health can be asked for them.
  const listener = await listen(server.fetch, { ...flags, sendTimeoutMs: milliseconds(flags.sendTimeout) ?? Infinity });
  try {
    for (const { name } of names) await server.load(name);
    const url = `http://${flags.host.includes(":") ? `[${flags.host}]` : flags.host}:${listener.port}`;
    const served = names.map(({ name }) => name);
    if (flags.json) terminal.printJson({ url, model: served[0], models: served });
    else terminal.print(`${served.join(", ")} at ${url}/v1`);
    await ended(interruption.signal);
    terminal.note("stopping: answers under way are finished; once more ends them");
    await server.drain();
  } finally {
    await server.close();
    await listener.close();
  }
}

/** The arguments, else those of -m; [undefined]: the model of the checkout. */
function givenModels(
  positional: readonly string[],
  { model = [] }: ServeFlags,
  isConfigured: boolean,
): readonly (string | undefined)[] {
  if (positional.length === 0) return model.length === 0 ? [undefined] : model;
  if (!isConfigured && model.some((name) => !positional.includes(name)))
    throw new UsageError("models are given twice, as arguments and with -m");
  return positional;
}

/** Whoever has no key to show is who calls from this machine, by one of its names; undefined: anybody may call. */
function allowedHosts(
  { host, allowedHost = [] }: ServeFlags,
  apiKeys: readonly string[],
): readonly string[] | undefined {
  const own = host.includes(":") ? `[${host}]` : host;
  if (apiKeys.length > 0 || !loopbackHosts.includes(own)) return undefined;
  return [...loopbackHosts, ...allowedHost];
}

function logRequest(record: RequestRecord): void {
  process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), ...record })}\n`);
}

/** Undefined: for ever. */
function milliseconds(time: number): number | undefined {
  return time === 0 ? undefined : 1000 * time;
}

function loadOptions(flags: ServeFlags): ServingOptions {
  return {
    isAnnounced: true,
    maxSequences: flags.maxNumSeqs,
    cacheBytes: flags.kvCacheMemory,
    memoryShare: flags.gpuMemoryUtilization,
    inProcess: flags.inProcess ?? false,
    stepTimeoutMs: milliseconds(flags.stepTimeout) ?? Infinity,
    timeoutMs: milliseconds(flags.requestTimeout),
    queueTimeoutMs: milliseconds(flags.queueTimeout),
    maxRequests: flags.maxConcurrentRequests,
  };
}

/** What clients call the models, and which of them each name means. */
function servedNames(
  models: readonly (string | undefined)[],
  given: readonly string[] | undefined,
): readonly { readonly name: string; readonly source: number }[] {
  const names = given ?? models.map(modelName);
  if (models.length > 1 && names.length !== models.length)
    throw new UsageError(
      `--served-model-name has ${names.length} names for ${models.length} models; give one for each`,
    );
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw new UsageError(`two models would be called ${twice}; give them names with --served-model-name`);
  return names.map((name, i) => ({ name, source: models.length > 1 ? i : 0 }));
}

async function readKeys({ apiKey = [], apiKeyFile }: ServeFlags): Promise<readonly string[]> {
  const { FEWBIT_API_KEY: fromEnvironment } = process.env;
  const keys = [...apiKey, ...(fromEnvironment ? [fromEnvironment] : [])];
  if (apiKeyFile !== undefined) {
    if (!existsSync(apiKeyFile)) throw new IoError(`${apiKeyFile}: there is no such file of keys`);
    const lines = (await readFile(apiKeyFile, "utf8")).split(/\r?\n/).map((line) => line.trim());
    keys.push(...lines.filter((line) => line !== ""));
    if (keys.length === 0)
      throw new UsageError(`${apiKeyFile}: holds no key, and a server without keys answers everybody`);
  }
  if (keys.includes("")) throw new UsageError("an API key must not be empty");
  return keys;
}

/** An id on the Hub as it is; else the last part of the path. */
function modelName(given: string | undefined): string {
  const name = given ?? createNodeHost().defaultModel;
  if (name === undefined) throw new UsageError("no model is named, and none comes with this build");
  return existsSync(name) ? basename(resolve(name)) : name;
}

function ended(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve());
  });
}
