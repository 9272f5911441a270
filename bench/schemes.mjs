// Tokens/s and MB/s of every scheme of weights, on a model of random weights at the shapes of a 0.5B one; beside llama.cpp where it has the type.
//   node bench/schemes.mjs [--only Q4_K,gptq-4] [--layers 21] [--repeats 2] [--prompt 128] [--generate 32] [--llama-bench PATH] [--folder DIR] [--resume] [--write]
// --write puts the table into docs/schemes.md, once every row has its figures. Files are made in DIR one after the other and removed; the largest
// takes 0.8 GB. Rows are kept in build/bench/schemes.json as they are found: --resume measures only what is missing there, or has failed.
// All have an fp16 embedding of 32,768 tokens, which is the head too: what differs is the linears alone. Inputs are multiples of 256, as K-quants need.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { format, resolveConfig } from "prettier";
import { median } from "./statistics.mjs";
import { ggufTypes, makeGguf, makeSafetensors, safetensorsKinds, weightCount } from "./synthetic-models.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const { values: flags } = parseArgs({
  options: {
    only: { type: "string", default: "" },
    layers: { type: "string", default: "21" },
    repeats: { type: "string", default: "2" },
    prompt: { type: "string", default: "128" },
    generate: { type: "string", default: "32" },
    "llama-bench": { type: "string", default: "" },
    folder: { type: "string", default: tmpdir() },
    threads: { type: "string", default: "" },
    resume: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
  },
});
const threads = flags.threads === "" ? [] : ["--threads", flags.threads];

const cases = [
  ...Object.keys(ggufTypes).map((name) => ({ name, isGguf: true })),
  ...Object.keys(safetensorsKinds).map((name) => ({ name, isGguf: false })),
];
const wanted = flags.only === "" ? cases : cases.filter(({ name }) => flags.only.split(",").includes(name));
if (wanted.length === 0) throw new Error(`--only ${flags.only}: there are ${cases.map(({ name }) => name).join(", ")}`);

/** What rows must have in common to stand in one table. */
const { layers, repeats, prompt, generate, threads: threadCount, "llama-bench": llamaBench } = flags;
const settings = { layers, repeats, prompt, generate, threadCount, llamaBench, revision: revision() };
const keptFile = join(root, "build", "bench", "schemes.json");
const kept = flags.resume ? readKept() : new Map();

mkdirSync(flags.folder, { recursive: true });
mkdirSync(dirname(keptFile), { recursive: true });
const folder = mkdtempSync(join(flags.folder, "fewbit-schemes-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
process.on("SIGINT", () => process.exit(130));
process.on("SIGTERM", () => process.exit(143));
for (const each of wanted) {
  if (kept.get(each.name)?.ours?.reason !== undefined) kept.delete(each.name);
  if (!kept.has(each.name)) kept.set(each.name, measure(each));
  writeFileSync(keptFile, JSON.stringify({ settings, rows: [...kept.values()] }));
  console.log(line(kept.get(each.name)));
}
const rows = wanted.map(({ name }) => kept.get(name));
const failed = rows.filter(({ ours }) => ours.reason !== undefined).map(({ name }) => name);
if (failed.length > 0) {
  console.error(`failed: ${failed.join(", ")}; --resume tries them again`);
  process.exitCode = 1;
}
if (flags.write && failed.length === 0) {
  const path = join(root, "docs", "schemes.md");
  writeFileSync(path, await format(document(), { ...(await resolveConfig(path)), filepath: path }));
}

function measure({ name, isGguf }) {
  const path = join(folder, isGguf ? `${name}.gguf` : name);
  try {
    const byteLength = (isGguf ? makeGguf : makeSafetensors)(path, name, Number(layers));
    const ours = fewbit(path);
    const theirs = isGguf && llamaBench !== "" ? llama(path) : undefined;
    return { name, bits: (8 * byteLength) / weightCount(layers), byteLength, ours, theirs };
  } catch (error) {
    return { name, bits: NaN, byteLength: NaN, ours: { reason: String(error.message ?? error) } };
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
}

function readKept() {
  try {
    const found = JSON.parse(readFileSync(keptFile, "utf8"));
    if (JSON.stringify(found.settings) === JSON.stringify(settings))
      return new Map(found.rows.map((row) => [row.name, row]));
    console.error(`${keptFile}: of other settings or another revision; all rows are measured`);
  } catch (error) {
    console.error(`${keptFile}: ${error.message}; all rows are measured`);
  }
  return new Map();
}

function revision() {
  return execFileSync("git", ["rev-parse", "--short", "HEAD"], { cwd: root, encoding: "utf8" }).trim();
}

function fewbit(path) {
  const args = [
    "bench",
    "run",
    path,
    "-p",
    flags.prompt,
    "-n",
    flags.generate,
    "-r",
    flags.repeats,
    ...threads,
    "--json",
  ];
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, "bin", "fewbit.mjs"), ...args], {
    encoding: "utf8",
    maxBuffer: 2 ** 26,
  });
  if (status !== 0) return { reason: stderr.trim().split("\n").at(-1) ?? `exit status ${status}` };
  const { pp, tg } = JSON.parse(stdout);
  return { pp: median(pp.tokensPerSecond), tg: median(tg.tokensPerSecond) };
}

function llama(path) {
  const count = flags.threads === "" ? String(availableParallelism()) : flags.threads;
  const args = ["-m", path, "-t", count, "-p", flags.prompt, "-n", flags.generate, "-r", flags.repeats, "-o", "json"];
  const { status, stdout } = spawnSync(flags["llama-bench"], args, { encoding: "utf8", maxBuffer: 2 ** 26 });
  if (status !== 0) return undefined; // it does not know the type, or is not there
  const found = JSON.parse(stdout);
  return { pp: found.find((row) => row.n_prompt > 0)?.avg_ts, tg: found.find((row) => row.n_gen > 0)?.avg_ts };
}

function cells({ name, bits, byteLength, ours, theirs }) {
  const number = (x, digits = 1) => (x === undefined ? "" : x.toFixed(digits));
  const rest = "reason" in ours ? [ours.reason, "", ""] : [ours.pp, ours.tg, (ours.tg * byteLength) / 1e6];
  const shown = rest.map((cell) => (typeof cell === "number" ? number(cell) : cell));
  return [name, number(bits, 2), ...shown, number(theirs?.pp), number(theirs?.tg)];
}

function line(row) {
  return `| ${cells(row).join(" | ")} |`;
}

function document() {
  return `# Speed of the schemes

Made by \`node bench/schemes.mjs --write\` at ${settings.revision} on ${cpus()[0]?.model ?? "a processor"} (${availableParallelism()} threads), Node ${process.versions.node}: a
model of random weights with ${flags.layers} layers of 1,024 features (inner 4,864), ${Math.round(weightCount(Number(flags.layers)) / 1e6)} million weights in its linears, and an fp16 head of 32,768 tokens. \`pp\` is
tokens/s of reading a prompt of ${flags.prompt}, \`tg\` of writing ${flags.generate}; the medians of ${flags.repeats}. MB/s are the bytes of the linears in the file times
\`tg\`: what a scheme makes of the memory. llama.cpp ran the same file, where it has the type.

| weights | bits each | pp | tg | MB/s | llama.cpp pp | tg |
| --- | --: | --: | --: | --: | --: | --: |
${rows.map(line).join("\n")}
`;
}
