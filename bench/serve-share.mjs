#!/usr/bin/env node
// What of the kernels' speed reaches the users of `fewbit serve`: tokens/s of many users at once, as a share of `fewbit bench run -b`, and
// as a multiple of one user's.
//
//   node bench/serve-share.mjs MODEL [--users 16] [--rounds 5] [--output 96] [--threads N] [--json]
//
// Prompts of 8 tokens, in turns on the same machine: the processes of the server and of the client take their time from the kernels too.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { countFlags } from "./count-flags.mjs";
import { median, range } from "./statistics.mjs";

const flags = countFlags({ users: 16, rounds: 5, output: 96, threads: undefined });
const { positionals, users, rounds, output, json } = flags;
const [model] = positionals;
if (model === undefined) {
  console.error("usage: node bench/serve-share.mjs MODEL; the file says more");
  process.exit(2);
}
const prompt = 8;
const threads = flags.threads === undefined ? [] : ["--threads", flags.threads];
const launcher = fileURLToPath(new URL("../bin/fewbit.mjs", import.meta.url));

const size = ["--max-num-seqs", users, "--ctx-size", 4 * (prompt + output), "--kv-cache-dtype", "f16"];
const server = spawn(
  process.execPath,
  [launcher, "serve", model, "--port", 0, "--json", ...size, ...threads].map(String),
  {
    stdio: ["ignore", "pipe", "ignore"],
  },
);
process.on("exit", () => server.kill());
const [line] = await once(server.stdout.setEncoding("utf8"), "data");
const { url } = JSON.parse(line);

async function fewbit(...args) {
  const { stdout } = await promisify(execFile)(process.execPath, [launcher, ...args, "--json"].map(String));
  return JSON.parse(stdout);
}

/** Tokens a second, and the time of each user between two tokens, of so many at once; every load has prompts of its own. */
async function served(count, seed) {
  const load = ["--num-prompts", count, "--max-concurrency", count, "--seed", seed, "--ignore-eos", "--temperature", 0];
  const lengths = ["--random-input-len", prompt, "--random-output-len", output];
  const report = await fewbit("bench", "serve", "--base-url", url, ...load, ...lengths);
  return { tokensPerSecond: report.output_throughput, msPerToken: report.median_tpot_ms };
}

async function alone() {
  const size = ["-p", prompt, "-n", output, "-b", users, "-r", 1, "--kv-cache-dtype", "f16"];
  return (await fewbit("bench", "run", model, ...size, ...threads)).tg.tokensPerSecond[0];
}

await served(users, 0);
const results = [];
for (let round = 1; round <= rounds; round++) {
  const kernels = await alone();
  const [many, one] = [await served(users, 2 * round), await served(1, 2 * round + 1)];
  results.push({ kernels, many, one });
}
server.kill();

const figures = {
  "share of bench run": results.map(({ kernels, many }) => many.tokensPerSecond / kernels),
  "once all have begun": results.map(({ kernels, many }) => (1000 * users) / many.msPerToken / kernels),
  "times one user's": results.map(({ many, one }) => many.tokensPerSecond / one.tokensPerSecond),
};
if (json) console.log(JSON.stringify(results));
else
  for (const [name, ratios] of Object.entries(figures)) {
    const [least, most] = range(ratios).map((ratio) => ratio.toFixed(2));
    console.log(`${name.padEnd(20)} ${median(ratios).toFixed(2)} (${least} … ${most})`);
  }
