#!/usr/bin/env node
// The race against llama.cpp on this machine's processor, in turns: what docs/performance.md is made of.
//
//   node bench/race.mjs [--rounds 3] [--only NAME,…] [--threads N] [--peers FOLDER] [--ids FILE] --json results.json
//   node bench/render-race.mjs results.json
//
// FOLDER (default: fewbit-peers in the user's cache) has llama.cpp's programs in bin/, node-llama-cpp in node_modules/, and in models/
// the files that `entries` names: random weights at the shapes of real models, the same bytes for both sides. FILE has the
// tokens of a text, as JSON, for perplexity. What is not there is left out, with a line that says so. Results are written after every
// round, so that a race may be stopped. Nothing else should run: three rounds take some twelve minutes on two cores.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, homedir, totalmem } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = fileURLToPath(new URL("..", import.meta.url));
const embedded = join(root, "models", "smollm2-135m-instruct-gptq-int4");

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    only: { type: "string" },
    threads: { type: "string" },
    peers: { type: "string", default: join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "fewbit-peers") },
    ids: { type: "string", default: join(root, "..", "shared", "fixtures", "smollm2", "perplexity.json") },
    json: { type: "string" },
  },
});
const rounds = Number(options.rounds);
if (!Number.isInteger(rounds) || rounds < 1)
  throw new Error(`--rounds ${options.rounds}: a whole number above 0 is needed`);
if (options.json === undefined) throw new Error("--json FILE is needed: where the results go");

const inPeers = (...parts) => join(options.peers, ...parts);
const model = (name) => inPeers("models", name);
const run = (program, args, settings = {}) =>
  execFileSync(program, args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    maxBuffer: 2 ** 26,
    ...settings,
  });
const fewbit = (...args) => JSON.parse(run(process.execPath, [join(root, "bin", "fewbit.mjs"), ...args, "--json"]));

const machine = fewbit("doctor", "--bench", ...(options.threads === undefined ? [] : ["--threads", options.threads]));
const { threads } = machine.backends.find(({ name }) => name === "cpu");
const threadFlags = ["--threads", String(threads)];

/** Both sides of an entry give tokens per second: { pp, tg }, each absent where it is not measured. */
function llamaBench({ llama, prompt, generate, depth = 0 }) {
  const args = ["-m", llama, "-t", threads, "-p", prompt, "-n", generate, "-d", depth, "-r", 1, "-o", "json"].map(
    String,
  );
  const rows = JSON.parse(run(inPeers("bin", "llama-bench"), args));
  const speed = (row) => row && { tokensPerSecond: row.avg_ts };
  return { pp: speed(rows.find(({ n_prompt }) => n_prompt > 0)), tg: speed(rows.find(({ n_gen }) => n_gen > 0)) };
}

function llamaBatchedBench({ llama, generate, batch }) {
  const lengths = ["-npp", 16, "-ntg", generate, "-npl", batch, "-c", batch * (generate + 32)];
  const args = ["-m", llama, "-t", threads, ...lengths, "--output-format", "jsonl"].map(String);
  const lines = run(inPeers("bin", "llama-batched-bench"), args).split("\n");
  return { tg: { tokensPerSecond: JSON.parse(lines.find((line) => line.startsWith("{"))).speed_tg } };
}

function nodeLlamaCpp({ llama, prompt, generate }) {
  const args = [join(root, "bench", "node-llama-cpp.mjs"), options.peers, llama, prompt, generate, threads].map(String);
  return JSON.parse(run(process.execPath, args).trim().split("\n").at(-1));
}

function fewbitBench({ ours, prompt, generate, depth = 0, batch = 1 }) {
  const lengths = ["-p", prompt, "-n", generate, "-d", depth, "-b", batch, "-r", 1].map(String);
  const { pp, tg, ...report } = fewbit("bench", "run", ours, ...lengths, ...threadFlags);
  const [read, decode] = [pp, tg].map(({ tokensPerSecond: [tokensPerSecond] }) => tokensPerSecond);
  return {
    pp: read && { tokensPerSecond: read, shareOfDotPeak: report.shareOfDotPeak },
    tg: decode && {
      tokensPerSecond: decode,
      shareOfBandwidth: report.shareOfBandwidth,
      shareOfDotPeak: (decode * report.operationsPerToken) / report.dotRate,
    },
  };
}

const q4 = (name) => ({ llama: model(name), ours: model(name) });
const bars = (pp, tg) => ({ ...(pp && { pp: { ratio: pp } }), ...(tg && { tg }) });
/** A ratio above 1: fewbit is faster. Bars are what the project asks of itself. Where the heads differ in files, they are the same bytes. */
const entries = [
  { name: "0.5b", title: "Qwen2 0.5B, Q4_0", ...q4("0.5b-q4_0.gguf"), prompt: 512, generate: 128, bars: bars(1.6, { ratio: 1, shareOfBandwidth: 0.85 }) },
  { name: "0.5b-gptq", title: "Qwen2 0.5B, GPTQ 4 bit, fp16 head", llama: model("0.5b-q4_0-f16head.gguf"), ours: model("0.5b-gptq-4-128"), prompt: 512, generate: 128, bars: bars(2.1, { ratio: 1.2 }) },
  { name: "1.5b", title: "Qwen2 1.5B, Q4_K", ...q4("1.5b-q4_k.gguf"), prompt: 512, generate: 32, bars: bars(1.6) },
  { name: "135m", title: "SmolLM2 135M, Q4_0", ...q4("135m-q4_0.gguf"), prompt: 512, generate: 128, bars: bars(1.5, { ratio: 1.15, shareOfBandwidth: 0.7 }) },
  { name: "embedded", title: "SmolLM2 135M, GPTQ 4 bit, fp16 head", llama: model("135m-q4_0-f16head.gguf"), ours: embedded, prompt: 512, generate: 128, bars: bars(1.5, { ratio: 1.2 }) },
  { name: "batch", title: "Qwen2 0.5B, Q4_0, 16 sequences", ...q4("0.5b-q4_0.gguf"), prompt: 0, generate: 64, batch: 16, bars: bars(0, { ratio: 2.2, shareOfDotPeak: 0.4 }) },
  { name: "depth", title: "Qwen2 0.5B, Q4_0, after 4096 positions", ...q4("0.5b-q4_0.gguf"), prompt: 0, generate: 32, depth: 4096, bars: bars(0, { ratio: 2, shareOfBandwidth: 0.6 }) },
  { name: "0.5b-node", title: "Qwen2 0.5B, Q4_0, node-llama-cpp", ...q4("0.5b-q4_0.gguf"), prompt: 64, generate: 128, inProcess: true, bars: bars(0, { ratio: 1.3 }) },
  { name: "135m-node", title: "SmolLM2 135M, Q4_0, node-llama-cpp", ...q4("135m-q4_0.gguf"), prompt: 64, generate: 128, inProcess: true, bars: bars(0, { ratio: 1.8 }) },
]; // prettier-ignore

const peerOf = ({ batch, inProcess }) => (inProcess ? nodeLlamaCpp : batch ? llamaBatchedBench : llamaBench);
const programOf = ({ batch, inProcess }) =>
  inProcess ? inPeers("node_modules", "node-llama-cpp") : inPeers("bin", batch ? "llama-batched-bench" : "llama-bench");

/** What the model of the repository loses by each shortcut, each against exact f32. */
function perplexities() {
  if (!existsSync(options.ids)) {
    console.error(`left out: perplexity: there is no ${options.ids}`);
    return [];
  }
  const { ids } = JSON.parse(readFileSync(options.ids, "utf8"));
  const args = ["eval", "ppl", embedded, "--ids", ids.join(","), "--ctx-size", "512", ...threadFlags];
  return [
    ["everything in f32", ["--cpu-activations", "f32"]],
    ["int8 KV cache, all else in f32", ["--cpu-activations", "f32", "--kv-cache-dtype", "int8"]],
    ["int8 activations, head as in the file", ["--lm-head", "keep"]],
    ["int8 activations and head (default)", []],
    ["int8 activations, head and KV cache", ["--kv-cache-dtype", "int8"]],
  ].map(([what, flags]) => ({ what, flags, perplexity: fewbit(...args, ...flags).perplexity }));
}

function startUp() {
  const { firstTokenMs, peakBytes, limit } = JSON.parse(
    run(process.execPath, [join(root, "bench", "start-up.mjs"), "--runs", "5", "--json"]),
  );
  return { firstTokenMs, peakBytes, limitBytes: limit };
}

const results = {
  date: new Date().toISOString().slice(0, 10),
  machine: { processor: machine.cpu.model, features: machine.cpu.features, memoryBytes: totalmem(), logicalCores: cpus().length, threads, platform: machine.platform },
  limits: machine.backends.find(({ name }) => name === "cpu"),
  versions: { fewbit: machine.fewbit, node: process.version, llama: undefined, nodeLlamaCpp: undefined },
  command: `node bench/race.mjs --rounds ${rounds}`,
  rounds: [],
  entries: [],
}; // prettier-ignore

const wanted = options.only?.split(",");
const runnable = entries.filter((entry) => {
  if (wanted !== undefined && !wanted.includes(entry.name)) return false;
  const missing = [entry.llama, entry.ours, programOf(entry)].filter((path) => !existsSync(path));
  if (missing.length > 0) console.error(`left out: ${entry.name}: there is no ${missing.join(", no ")}`);
  return missing.length === 0;
});
results.entries = runnable.map(({ name, title, prompt, generate, depth = 0, batch = 1, inProcess = false, bars }) =>
  ({ name, title, prompt, generate, depth, batch, inProcess, bars })); // prettier-ignore
const versionFile = inPeers("node_modules", "node-llama-cpp", "package.json");
if (existsSync(versionFile)) results.versions.nodeLlamaCpp = JSON.parse(readFileSync(versionFile, "utf8")).version;

const save = () => writeFileSync(options.json, `${JSON.stringify(results, null, 2)}\n`);
for (let round = 0; round < rounds; round++) {
  const figures = {};
  for (const entry of runnable) {
    const sides = [
      ["llama", () => peerOf(entry)(entry)],
      ["fewbit", () => fewbitBench(entry)],
    ];
    if (round % 2 === 1) sides.reverse(); // so that neither always runs on a processor that the other has heated
    figures[entry.name] = Object.fromEntries(sides.map(([side, measure]) => [side, measure()]));
    const { llama, fewbit: ours } = figures[entry.name];
    for (const kind of ["pp", "tg"])
      if (llama[kind] && ours[kind])
        console.log(`${round + 1}/${rounds} ${entry.name.padEnd(10)} ${kind} ${(ours[kind].tokensPerSecond / llama[kind].tokensPerSecond).toFixed(2)}`);
  }
  results.rounds.push(figures);
  save();
} // prettier-ignore
if (wanted === undefined) {
  results.startUp = startUp();
  results.perplexity = perplexities();
  save();
}
