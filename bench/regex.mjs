#!/usr/bin/env node
// Speed of src/text/regex/ on the Split patterns of tokenizers, in MB/s of UTF-8, and that of JavaScript's own engine.
//
//   node bench/regex.mjs [FILE] [--rounds 10]
//
// Both cut the whole text (by default 1 MB of this repository's documents) in turns; the first round does not count. A
// pattern that JavaScript cannot read is written here as it has to be for it; the cuts have to be the same.
import { Buffer } from "node:buffer";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { build } from "tsdown";
import { median, range } from "./statistics.mjs";

const contractions = "'s|'t|'re|'ve|'m|'ll|'d";
const anyCase = "'[sSſ]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]";
const llama3 = String.raw`|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;
const [upper, lower] = [String.raw`[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`, String.raw`[\p{Ll}\p{Lm}\p{Lo}\p{M}]`];
const o200k = (ends) =>
  String.raw`[^\r\n\p{L}\p{N}]?${upper}*${lower}+(?${ends})?|[^\r\n\p{L}\p{N}]?${upper}+${lower}*(?${ends})?` +
  String.raw`|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`;
const patterns = [
  ["GPT-2", String.raw`${contractions}| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`],
  ["Llama 3", `(?i:${contractions})${llama3}`, `(?:${anyCase})${llama3}`],
  ["o200k", o200k(`i:${contractions}`), o200k(`:${anyCase}`)],
];

const root = fileURLToPath(new URL("../", import.meta.url));
const outDir = mkdtempSync(join(tmpdir(), "fewbit-regex-"));
const entry = { regex: "src/text/regex/compile-regex.ts", budget: "src/util/step-budget.ts" };
await build({ config: false, cwd: root, entry, outDir, format: "esm", dts: false, logLevel: "silent" });
const { compileRegex } = await import(pathToFileURL(join(outDir, "regex.mjs")));
const { StepBudget } = await import(pathToFileURL(join(outDir, "budget.mjs")));
rmSync(outDir, { recursive: true });

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: "string", default: "10" } },
});
const documents = ["README.md", "LICENSE", "docs/architecture.md", "CONTRIBUTING.md"].map((name) => join(root, name));
const read = (positionals.length > 0 ? positionals : documents).map((file) => readFileSync(file, "utf8")).join("\n");
const text = positionals.length > 0 ? read : read.repeat(Math.ceil(1e6 / read.length)).slice(0, 1e6);
const megabytes = Buffer.byteLength(text) / 1e6;

function timed(cut) {
  const start = performance.now();
  const sum = cut();
  return { sum, speed: (1000 * megabytes) / (performance.now() - start) };
}

for (const [name, pattern, javascript = pattern] of patterns) {
  const start = performance.now();
  const regex = compileRegex(pattern, { dialect: "oniguruma" });
  const compileMs = performance.now() - start;
  let steps;
  const ours = () => {
    const budget = new StepBudget(100 * text.length, () => new Error("too many steps"));
    let sum = 0;
    for (let end = 0; end < text.length; sum = (sum * 31 + end) | 0) end = regex.find(text, end, budget);
    steps = 100 * text.length - budget.left;
    return sum;
  };
  const theirs = () =>
    Array.from(text.matchAll(new RegExp(javascript, "gu"))).reduce(
      (sum, m) => (sum * 31 + m.index + m[0].length) | 0,
      0,
    );
  const rounds = Array.from({ length: Number(values.rounds) + 1 }, () => [timed(ours), timed(theirs)]).slice(1);
  if (rounds.some(([a, b]) => a.sum !== b.sum)) throw new Error(`${name}: the engines cut differently`);
  const [mine, js] = [0, 1].map((i) => rounds.map((round) => round[i].speed));
  const show = (speeds) =>
    `${median(speeds).toFixed(1)} MB/s (${range(speeds)
      .map((s) => s.toFixed(1))
      .join("–")})`;
  const perCharacter = (steps / text.length).toFixed(1);
  console.log(
    `${name}: ${show(mine)}, ${perCharacter} steps a character, compiled in ${compileMs.toFixed(0)} ms; RegExp ${show(js)}`,
  );
}
