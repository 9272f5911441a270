import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { Server as HttpServer } from "node:http";
import { basename } from "node:path";
import { serve as listen } from "@hono/node-server";
import { Option, type Command } from "commander";
import type { LLM } from "../llm/llm.ts";
import { createServer } from "../server/create-server.ts";
import { IoError } from "../util/errors.ts";
import { addCommonFlags, type CommonFlags } from "./flags/common-flags.ts";
import { addModelFlag, modelDescription, type ModelFlag } from "./flags/model-flag.ts";
import { integer } from "./flags/parse-number.ts";
import { Interruption } from "./interruption.ts";
import { loadModel } from "./load-model.ts";
import { readPage } from "./read-page.ts";
import { Terminal } from "./terminal.ts";
import { UsageError } from "./usage-error.ts";

interface ServeFlags extends CommonFlags, ModelFlag {
  readonly host: string;
  readonly port: number;
  readonly servedModelName?: string;
  readonly apiKey?: readonly string[];
  readonly apiKeyFile?: string;
  readonly maxNumSeqs: number;
  readonly inProcess?: boolean;
  readonly stepTimeout: number;
}

const examples = `
The server answers as the OpenAI API does: /v1/chat/completions, /v1/completions, /v1/models, and /health. It is bound to this
machine unless --host says otherwise; with a key, every request but /health must bring it. Keys also come from FEWBIT_API_KEY.

Examples:
  fewbit serve
  fewbit serve Qwen/Qwen2.5-0.5B-Instruct --port 9000
  fewbit serve ./my-model --host 0.0.0.0 --api-key-file ./keys.txt --max-num-seqs 16
  curl localhost:8000/v1/chat/completions -H "Content-Type: application/json" \\
    -d '{"messages":[{"role":"user","content":"Hi"}],"stream":true}'`;

export function defineServe(command: Command): void {
  const collect = (key: string, keys: readonly string[] = []): readonly string[] => [...keys, key];
  command
    .argument("[model]", modelDescription)
    .option("--host <address>", "where to listen; 0.0.0.0 for all networks", "127.0.0.1")
    .addOption(
      new Option("--port <port>", "0 takes a free one").argParser(integer({ from: 0, to: 65535 })).default(8000),
    )
    .option("--served-model-name <name>", "what clients call the model (default: its folder or id)")
    .option("--api-key <key>", "who may ask; may be given several times", collect)
    .option("--api-key-file <path>", "keys, one a line")
    .addOption(
      new Option("--max-num-seqs <count>", "answers that are computed at once")
        .argParser(integer({ from: 1, to: 1024 }))
        .default(8),
    )
    .addOption(
      new Option("--step-timeout <seconds>", "a step that takes longer hangs, and its process is replaced; 0: for ever")
        .argParser(integer({ from: 0, to: 2 ** 26 }))
        .default(120),
    )
    .option("--in-process", "run the model in the server's own process, where a crash ends both");
  addModelFlag(command);
  addCommonFlags(command).addHelpText("after", examples).action(serve);
}

async function serve(positional: string | undefined, flags: ServeFlags): Promise<void> {
  if (positional !== undefined && flags.model !== undefined && positional !== flags.model)
    throw new UsageError("the model is given twice, as an argument and with -m");
  const name = flags.model ?? positional;
  const apiKeys = await readKeys(flags);
  const terminal = new Terminal(flags);
  using interruption = new Interruption();
  await using llm = await loadModel(name, flags, terminal, interruption.signal, {
    maxSequences: flags.maxNumSeqs,
    inProcess: flags.inProcess ?? false,
    stepTimeoutMs: flags.stepTimeout === 0 ? Infinity : 1000 * flags.stepTimeout,
  });
  const served = flags.servedModelName ?? modelName(name, llm);
  const server = createServer({ models: new Map([[served, llm]]), apiKeys, page: await readPage() });
  const http = await start(server.fetch, flags);
  const address = http.address();
  const port = typeof address === "object" ? address?.port : flags.port;
  const url = `http://${flags.host.includes(":") ? `[${flags.host}]` : flags.host}:${port}`;
  if (flags.json) terminal.printJson({ url, model: served });
  else terminal.print(`${served} at ${url}/v1 (${llm.info.device.backend}: ${llm.info.device.description})`);
  await ended(interruption.signal);
  terminal.note("stopping: answers under way are finished; once more ends them");
  await close(http);
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
function modelName(given: string | undefined, llm: LLM): string {
  return given !== undefined && !existsSync(given) ? given : basename(llm.info.model);
}

function start(fetch: (request: Request) => Promise<Response>, { host, port }: ServeFlags): Promise<HttpServer> {
  return new Promise((resolve, reject) => {
    const http = listen({ fetch, hostname: host, port }, () => resolve(http)) as HttpServer;
    http.once("error", (cause: NodeJS.ErrnoException) => {
      const why = cause.code === "EADDRINUSE" ? "something else listens there" : (cause.code ?? cause.message);
      reject(new IoError(`${host}:${port}: cannot be listened on (${why})`, { cause }));
    });
  });
}

function ended(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve());
  });
}

/** Takes no more connections, and waits for the answers that are under way. */
function close(http: HttpServer): Promise<void> {
  return new Promise((resolve) => {
    http.close(() => resolve());
    http.closeIdleConnections();
  });
}
