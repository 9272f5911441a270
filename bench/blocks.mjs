#!/usr/bin/env node
// The linears over ggml's blocks, and 2:4 ones, beside the affine 4-bit one: bytes of the file a second at one row, operations a second at many.
//
//   node bench/blocks.mjs [TYPE … sparse-4 sparse-8] [--isa avx2] [--threads 1] [--activations f32] [--features 4096] [--rows 512] [--runs 7]
//
// A step at one row multiplies by as many copies of a weight of features × features as make up 64 MB, more than caches hold; at many
// rows by one. Seconds are those of a core, all threads together, which a busy machine disturbs less than the clock; all kernels take
// turns in every run, and the first run does not count. The share is of the affine kernel's rate in the same run.
import { parseArgs } from "node:util";
import { loadSources } from "./load-sources.mjs";
import { median } from "./statistics.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    isa: { type: "string" },
    threads: { type: "string", default: "1" },
    activations: { type: "string", default: "int8" },
    features: { type: "string", default: "4096" },
    rows: { type: "string", default: "512" },
    runs: { type: "string", default: "7" },
  },
});
const [features, manyRows, runs] = [values.features, values.rows, values.runs].map(Number);
const { backend, blocks, weights, builder, random, summary } = await loadSources({
  backend: "src/backends/cpu/cpu-backend.node.ts",
  blocks: "test/conformance/random-blocks.ts",
  weights: "test/conformance/random-weight.ts",
  builder: "test/conformance/program-builder.ts",
  random: "test/conformance/random.ts",
  summary: "src/weights/packed-weight.ts",
});

const device = await backend
  .createCpuBackend(values.isa === undefined ? {} : { isa: values.isa })
  .open({ threads: Number(values.threads), activations: values.activations });

/** A function that runs one step of `rows` rows over `copies` of a weight, and says how many seconds of a core it took. */
async function prepareSteps(weight, rows, copies) {
  const program = new builder.ProgramBuilder(rows);
  const input = program.input(new random.Random(1).normals(rows * features), features);
  const out = program.buffer(features);
  for (let i = 0; i < copies; i++) program.op({ op: "linear", input, weight: program.weight(weight), out });
  program.report({ ...out, width: 1 });
  const limits = { maxTokens: rows, maxSequences: 1, maxOutputs: 1, pageCounts: [] };
  const { executable } = await program.load(device, limits);
  const tokens = Int32Array.from({ length: rows }, (_, i) => i);
  const step = {
    tokens,
    positions: tokens,
    sequenceStarts: Int32Array.of(0, rows),
    slots: Int32Array.of(0),
    ropeVariants: Int32Array.of(0),
    pageTables: [],
    outputs: new Int32Array(0),
    wantsLogits: false,
  };
  return async () => {
    const start = process.cpuUsage();
    await executable.step(step);
    const { user, system } = process.cpuUsage(start);
    return (user + system) / 1e6;
  };
}

async function prepareCase(name, weight) {
  const { byteLength } = summary.summarize(weight);
  const copies = Math.ceil(2 ** 26 / byteLength);
  return {
    name,
    bits: (8 * byteLength) / features ** 2,
    bytes: copies * byteLength,
    stepOne: await prepareSteps(weight, 1, copies),
    stepMany: await prepareSteps(weight, manyRows, 1),
    one: [],
    many: [],
  };
}

const shape = { inFeatures: features, outFeatures: features };
const affine = weights.randomAffine(new random.Random(1), { ...shape, bits: 4, groupSize: 32 });
const cases = [await prepareCase("affine", affine)];
const sparse = { "sparse-4": 4, "sparse-8": 8 };
for (const type of positionals.length > 0 ? positionals : [...blocks.blockTypes, ...Object.keys(sparse)]) {
  const weight =
    type in sparse
      ? weights.randomSparse24(new random.Random(1), { ...shape, bits: sparse[type], groupSize: 128 })
      : blocks.randomBlocks(new random.Random(1), type, shape);
  cases.push(await prepareCase(type, weight));
}
for (let run = 0; run <= runs; run++)
  for (const { stepOne, stepMany, bytes, one, many } of cases) {
    const [oneSeconds, manySeconds] = [await stepOne(), await stepMany()];
    if (run === 0) continue;
    one.push(bytes / oneSeconds / 1e9);
    many.push((2 * manyRows * features ** 2) / manySeconds / 1e9);
  }

const share = (rates, others) => `${(100 * median(rates.map((rate, i) => rate / others[i]))).toFixed(0)}%`.padStart(5);
const spread = (rates, digits) =>
  `${median(rates).toFixed(digits).padStart(7)} (${Math.min(...rates).toFixed(digits)} – ${Math.max(...rates).toFixed(digits)})`.padEnd(
    26,
  );
console.log(
  `${device.description}, ${values.activations}, ${features} × ${features}: median (least – most), share of affine`,
);
console.log(`${"".padEnd(9)} ${"bits".padStart(5)}   GB/s, 1 row                       GOP/s, ${manyRows} rows`);
for (const { name, bits, one, many } of cases)
  console.log(
    `${name.padEnd(9)} ${bits.toFixed(2).padStart(5)} ${spread(one, 2)} ${share(one, cases[0].one)} ${spread(many, 0)} ${share(many, cases[0].many)}`,
  );
await device[Symbol.asyncDispose]();
