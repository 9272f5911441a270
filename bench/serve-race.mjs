#!/usr/bin/env node
// Races `fewbit serve` against llama-server on the same file: many users at once, the same load in turns, by the client of
// `fewbit bench serve`. Both have the same context, threads, flash attention and f16 keys and values, and no prompt is asked twice.
//
//   node bench/serve-race.mjs MODEL.gguf --llama-server PATH [--users 16] [--rounds 3] [--requests 48] [--input 128] [--output 64]
//                             [--threads N] [--json]
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { median } from "./statistics.mjs";

const launcher = fileURLToPath(new URL("../bin/fewbit.mjs", import.meta.url));
const number = (value) => ({ type: "string", default: String(value) });
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    "llama-server": { type: "string" },
    users: number(16),
    rounds: number(3),
    requests: number(48),
    input: number(128),
    output: number(64),
    threads: number(availableParallelism()),
    json: { type: "boolean", default: false },
  },
});
const [model] = positionals;
if (model === undefined || values["llama-server"] === undefined) {
  console.error("usage: node bench/serve-race.mjs MODEL.gguf --llama-server PATH; the file says more");
  process.exit(2);
}
const users = Number(values.users);
const context = 2 * (Number(values.input) + Number(values.output));

const servers = {
  fewbit: (port) => [
    process.execPath,
    [launcher, "serve", model, "--port", port, "--threads", values.threads, "--max-num-seqs", users]
      .concat(["--ctx-size", context, "--kv-cache-dtype", "f16"])
      .map(String),
  ],
  "llama-server": (port) => [
    values["llama-server"],
    ["-m", model, "--port", port, "-t", values.threads, "-np", users, "-c", users * context, "-fa", "on"]
      .concat(["-ctk", "f16", "-ctv", "f16", "--no-webui", "--cache-ram", 0])
      .map(String),
  ],
};

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  return port;
}

async function start(name) {
  const port = await freePort();
  const [program, args] = servers[name](port);
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "ignore"] });
  const url = `http://127.0.0.1:${port}`;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`${name} ended with status ${child.exitCode}`);
    const response = await fetch(`${url}/health`).catch(() => undefined);
    if (response?.ok) return { name, child, url };
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** The figures of one load; every one has prompts of its own. */
async function load({ url }, seed, requests) {
  const args = [launcher, "bench", "serve", "--base-url", url, "--num-prompts", requests, "--seed", seed]
    .concat(["--max-concurrency", users, "--random-input-len", values.input, "--random-output-len", values.output])
    .concat(["--ignore-eos", "--temperature", 0, "--json"]);
  const { stdout } = await promisify(execFile)(process.execPath, args.map(String), { maxBuffer: 2 ** 24 });
  return JSON.parse(stdout);
}

const running = [];
try {
  for (const name of Object.keys(servers)) running.push(await start(name));
  const rounds = [];
  for (let round = 0; round <= Number(values.rounds); round++) {
    const results = {};
    // The first warms up.
    const requests = round === 0 ? users : values.requests;
    for (const server of running) results[server.name] = await load(server, 100 * round, requests);
    if (round > 0) rounds.push(results);
  }
  const of = (name, figure) => rounds.map((round) => round[name][figure]);
  const ratios = (figure) => rounds.map((round) => round.fewbit[figure] / round["llama-server"][figure]);
  const figures = ["output_throughput", "median_ttft_ms", "median_itl_ms", "p99_itl_ms"];
  if (values.json) console.log(JSON.stringify(rounds));
  else
    for (const figure of figures) {
      const all = ratios(figure);
      const spread = `${Math.min(...all).toFixed(2)} to ${Math.max(...all).toFixed(2)}`;
      const [ours, theirs] = ["fewbit", "llama-server"].map((name) => median(of(name, figure)).toFixed(1));
      console.log(
        `${figure.padEnd(18)} fewbit ${ours}, llama-server ${theirs}, ratio ${median(all).toFixed(2)} (${spread})`,
      );
    }
} finally {
  for (const { child } of running) child.kill("SIGTERM");
}
