#!/usr/bin/env node
// From the start of the process to the first token on stdout, and the most memory that it has on the way.
//
//   node bench/start-up.mjs [MODEL] [--runs 10] [--prompt-tokens N] [--json] [-- FLAGS OF `fewbit run`]
//
// Every run is a process of its own over the built program (`npm run setup`); the first fills the page cache and does not
// count. The prompt is a greeting, or N tokens that mean nothing. Runs that are timed and runs that are weighed take
// turns: the latter carry a hook that reads the peak at exit.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { median, range } from "./statistics.mjs";

const program = fileURLToPath(new URL("../bin/fewbit.mjs", import.meta.url));

/**
 * Runs in the weighed process, whose descriptor 3 is ours. On Linux the kernel's mark for this process: getrusage also
 * counts what the process that forked it had.
 */
const peakHook = `import { existsSync, readFileSync, writeSync } from "node:fs";
process.on("exit", () => {
  const status = existsSync("/proc/self/status") ? readFileSync("/proc/self/status", "utf8") : "";
  const kilobytes = /^VmHWM:\\s*(\\d+) kB$/m.exec(status)?.[1] ?? process.resourceUsage().maxRSS;
  writeSync(3, String(1024 * Number(kilobytes)));
});`;

/** One process to its end: { firstByteMs, output, peak }; rejects where it fails. */
function runProcess(args, { isWeighed = false } = {}) {
  const hook = isWeighed ? ["--import", `data:text/javascript,${encodeURIComponent(peakHook)}`] : [];
  return new Promise((resolve, reject) => {
    const start = process.hrtime.bigint();
    const stdio = ["ignore", "pipe", "inherit", isWeighed ? "pipe" : "ignore"];
    const child = spawn(process.execPath, [...hook, program, ...args], { stdio });
    let firstByteMs;
    let output = "";
    let peak = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      firstByteMs ??= Number(process.hrtime.bigint() - start) / 1e6;
      output += text;
    });
    child.stdio[3]?.setEncoding("utf8").on("data", (text) => (peak += text));
    child.on("error", reject);
    child.on("close", (status) => {
      if (status !== 0) reject(new Error(`fewbit ${args.join(" ")} ended with status ${status}`));
      else resolve({ firstByteMs, output, peak: Number(peak) });
    });
  });
}

/** What a process may take: 1.1 × its weights, the KV pool that it has by default, and 130 MB for Node and all else. */
async function memoryTerms(model, name) {
  const { output } = await runProcess(["inspect", ...model, "--json"]);
  const { byteLength: weights, backends } = JSON.parse(output);
  const { LLM } = await import("../dist/node.mjs");
  const llm = await LLM.load(model[0], { maxSequences: 1 }); // as `run` does
  const { cachePositions } = llm.info;
  await llm.close();
  const { cacheBytesPer1k } = backends.find(({ backend }) => backend === name);
  const pool = (cachePositions / 1000) * cacheBytesPer1k;
  return { weights, pool, limit: 1.1 * weights + pool + 130e6 };
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: "string", default: "10" },
    "prompt-tokens": { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const count = (name) => {
  const number = Number(values[name]);
  if (Number.isInteger(number) && number > 0) return number;
  throw new Error(`--${name} ${values[name]}: a whole number above 0 is needed`);
};
const runs = count("runs");
const ids = values["prompt-tokens"] && Array.from({ length: count("prompt-tokens") }, (_, i) => 3 + ((7 * i) % 200));
const isModel = positionals.length > 0 && existsSync(positionals[0]);
const model = positionals.slice(0, isModel ? 1 : 0);
const prompt = ids ? ["--ids", ids.join(",")] : ["-p", "Hello"];
const flags = ["--max-tokens", "1", "--temperature", "0", ...positionals.slice(model.length)];
const args = ["run", ...model.flatMap((path) => ["-m", path]), ...prompt, ...flags];

const { backend } = JSON.parse((await runProcess([...args, "--json"])).output);
const milliseconds = [];
const peaks = [];
for (let i = 0; i < runs; i++) {
  milliseconds.push((await runProcess(args)).firstByteMs);
  peaks.push((await runProcess(args, { isWeighed: true })).peak);
}
const terms = await memoryTerms(model, backend);

if (values.json) console.log(JSON.stringify({ backend, firstTokenMs: milliseconds, peakBytes: peaks, ...terms }));
else {
  const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
  const spread = (numbers, format) => `${format(median(numbers))} (${range(numbers).map(format).join(" … ")})`;
  const shown = args.map((arg) => (arg.length > 40 ? `${arg.slice(0, 10)}…` : arg));
  console.log(`${shown.join(" ")}\n${backend}; median (least … most) of ${runs} runs, files in the page cache`);
  console.log(`first token   ${spread(milliseconds, (ms) => `${ms.toFixed(0)} ms`)}`);
  console.log(`peak memory   ${spread(peaks, megabytes)}, ${((100 * median(peaks)) / terms.limit).toFixed(0)}% of`);
  const parts = `1.1 × weights ${megabytes(terms.weights)} + KV pool ${megabytes(terms.pool)} + 130 MB`;
  console.log(`  the limit   ${megabytes(terms.limit)} = ${parts}`);
}
