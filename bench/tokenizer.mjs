#!/usr/bin/env node
// Tokenizers: time and memory of loading one, MB/s of encoding and decoding, and how encoding grows with the length of one word.
//
//   node bench/tokenizer.mjs [FOLDER] [--text FILE] [--rounds 10]
//
// Loading is measured in a process of its own each time, because most of it is code that runs for the first time. The text
// (by default 1 MB of this repository's documents) is encoded by a new tokenizer each round, so that no piece is known.
import { Buffer } from "node:buffer";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { build } from "tsdown";
import { median, range } from "./statistics.mjs";

const root = fileURLToPath(new URL("../", import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { text: { type: "string" }, rounds: { type: "string", default: "10" } },
});
const file = join(positionals[0] ?? join(root, "models/smollm2-135m-instruct-gptq-int4"), "tokenizer.json");
const texts = values.text
  ? [values.text]
  : ["docs/layouts.md", "docs/kernels.md", "README.md"].map((name) => join(root, name));
const text = Array.from({ length: 200 }, () => texts.map((name) => readFileSync(name, "utf8")).join(""))
  .join("")
  .slice(0, 1e6);
const rounds = Number(values.rounds);

const outDir = mkdtempSync(join(tmpdir(), "fewbit-tokenizer-"));
const folder = "src/text/tokenizer";
const entry = { build: `${folder}/build-tokenizer.ts`, parse: `${folder}/json/parse-tokenizer-json.ts` };
await build({ config: false, cwd: root, entry, outDir, format: "esm", dts: false, logLevel: "silent" });
const [buildUrl, parseUrl] = ["build.mjs", "parse.mjs"].map((name) => pathToFileURL(join(outDir, name)).href);
const loading = `
  const { buildTokenizer } = await import(${JSON.stringify(buildUrl)});
  const { parseTokenizerJson } = await import(${JSON.stringify(parseUrl)});
  const { readFileSync } = await import("node:fs");
  const [before, cpu] = [process.memoryUsage().rss, process.cpuUsage()];
  globalThis.kept = buildTokenizer(parseTokenizerJson(readFileSync(${JSON.stringify(file)}), "tokenizer.json"));
  const { user, system } = process.cpuUsage(cpu);
  console.log(JSON.stringify([(user + system) / 1e3, (process.memoryUsage().rss - before) / 2 ** 20]));`;
const load = () =>
  JSON.parse(execFileSync(process.execPath, ["--input-type=module", "-e", loading], { encoding: "utf8" }));

const { buildTokenizer } = await import(buildUrl);
const { parseTokenizerJson } = await import(parseUrl);
const create = () => buildTokenizer(parseTokenizerJson(readFileSync(file), file));
const loads = Array.from({ length: rounds }, load);
const times = { encode: [], decode: [], "a word of 100,000 letters": [], "a word of 1,000,000 letters": [] };
const measure = (name, action) => {
  const start = performance.now();
  const result = action();
  times[name].push(performance.now() - start);
  return result;
};
for (let round = 0; round <= rounds; round++) {
  const tokenizer = create();
  const ids = measure("encode", () => tokenizer.encode(text));
  measure("decode", () => tokenizer.decode(ids));
  measure("a word of 100,000 letters", () => tokenizer.encode("ab".repeat(5e4)));
  measure("a word of 1,000,000 letters", () => tokenizer.encode("ab".repeat(5e5)));
}
rmSync(outDir, { recursive: true });

const show = (name, numbers, unit, digits = 0) => {
  const [least, most] = range(numbers);
  console.log(
    `${name.padEnd(28)} ${median(numbers).toFixed(digits)} ${unit} (${least.toFixed(digits)} to ${most.toFixed(digits)})`,
  );
};
const megabytes = Buffer.byteLength(text) / 1e6;
show(
  "load, CPU time",
  loads.map(([cpuMs]) => cpuMs),
  "ms",
);
show(
  "load, resident memory",
  loads.map(([, mebibytes]) => mebibytes),
  "MiB",
  1,
);
for (const [name, [, ...ms]] of Object.entries(times)) {
  if (name.startsWith("a word")) show(name, ms, "ms");
  else
    show(
      name,
      ms.map((one) => (megabytes * 1e3) / one),
      "MB/s",
      1,
    );
}
