#!/usr/bin/env node
// Speed of transcoding weights into the CPU's tiles, in GB of packed codes a second, for every scheme, order of codes and width.
//
//   node bench/transcode.mjs [ORDER, SCHEME or TYPE …] [--threads N] [--in 4096] [--out 14336] [--rounds 5]
//
// Random codes in groups of 128 with zero points; the first round does not count. Beside the time on the clock stands that of all
// threads together, which a busy machine disturbs less.
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { loadSources } from "./load-sources.mjs";
import { median, range } from "./statistics.mjs";

const { backend, weights, limits, blocks, mixed } = await loadSources({
  backend: "src/backends/cpu/cpu-backend.node.ts",
  weights: "src/weights/packed-weight.ts",
  limits: "src/weights/code-order-limits.ts",
  blocks: "src/weights/blocks/block-type.ts",
  mixed: "src/weights/mixed-groups.ts",
});

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    threads: { type: "string" },
    in: { type: "string", default: "4096" },
    out: { type: "string", default: "14336" },
    rounds: { type: "string", default: "5" },
  },
});
const [inFeatures, outFeatures, rounds] = [values.in, values.out, values.rounds].map(Number);
const groups = Math.ceil(inFeatures / 128);
const pattern = Uint8Array.from({ length: 2 ** 20 }, () => Math.random() * 256);

function random(length) {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += pattern.length) bytes.set(pattern.subarray(0, length - at), at);
  return bytes;
}

/** Every weight of this shape that there is, by name; a name's first word is what picks it on the command line. */
function* cases() {
  const shape = { inFeatures, outFeatures };
  const common = { ...shape, groupSize: 128, scaleType: "f16", scales: random(2 * groups * outFeatures) };
  for (const order of weights.codeOrders)
    for (const bits of weights.affineBits) {
      if (!limits.codeOrderLimits(order, bits).bits.includes(bits)) continue;
      const codes = () => random(limits.codeBytes({ order, bits, ...shape }));
      const zeros = { order: "bytes", bytes: new Uint8Array(groups * outFeatures) };
      yield [`${order} ${bits} bit`, () => ({ ...common, scheme: "affine-zero", bits, order, codes: codes(), zeros })];
    }
  for (const bits of [4, 8]) {
    const codes = () => random((inFeatures * outFeatures * bits) / 16);
    const positions = () => new Uint8Array((inFeatures * outFeatures) / 8).fill(0x94);
    yield [
      `sparse-24 ${bits} bit`,
      () => ({ ...common, scheme: "sparse-24", bits, codes: codes(), positions: positions() }),
    ];
  }
  for (const bits of mixed.mixedBits) {
    const widths = Array.from({ length: groups }, () => ({ bits, inputs: 128 }));
    const codes = () => random(4 * mixed.mixedWords(widths) * outFeatures);
    const scales = { scaleCodes: random((groups * outFeatures) / 2), scaleMaxima: new Uint8Array(2 * groups) };
    yield [
      `mixed ${bits} bit`,
      () => ({ ...shape, scheme: "affine-mixed", groups: widths, columns: outFeatures, codes: codes(), ...scales }),
    ];
  }
  for (const [type, layout] of Object.entries(blocks.blockLayouts)) {
    const bytes = () => random(((inFeatures * outFeatures) / layout.values) * layout.bytes);
    yield [`block ${type}`, () => ({ ...shape, scheme: "block", type, blocks: bytes() })];
  }
  const float8 = { ...shape, scheme: "float8", type: "e4m3fn", groupSize: 128, scaleRows: 1, divides: false };
  yield [
    "float8",
    () => ({ ...float8, codes: random(inFeatures * outFeatures), scales: new Float32Array(groups * outFeatures) }),
  ];
  const codebook = { ...shape, scheme: "codebook", name: "nf4", table: new Float32Array(16), evenNibble: "high" };
  yield [
    "codebook",
    () => ({
      ...codebook,
      groupSize: 64,
      codes: random((inFeatures * outFeatures) / 2),
      scales: new Uint8Array((inFeatures * outFeatures) / 16),
    }),
  ];
}

const device = await backend
  .createCpuBackend()
  .open(values.threads === undefined ? {} : { threads: Number(values.threads) });
console.log(
  `${device.description}; ${inFeatures} → ${outFeatures}; GB/s of codes by the clock (least – most), and a second of a core`,
);
for (const [name, makeWeight] of cases()) {
  if (positionals.length > 0 && !positionals.some((wanted) => name.split(" ").includes(wanted))) continue;
  const weight = makeWeight();
  const { byteLength } = weight.blocks ?? weight.codes;
  const speeds = [];
  const coreSpeeds = [];
  for (let round = 0; round <= rounds; round++) {
    const [start, cpu] = [performance.now(), process.cpuUsage()];
    const prepared = await device.prepare([weight]);
    const [seconds, used] = [(performance.now() - start) / 1e3, process.cpuUsage(cpu)];
    prepared[Symbol.dispose]();
    if (round === 0) continue;
    speeds.push(byteLength / seconds / 1e9);
    coreSpeeds.push(byteLength / ((used.user + used.system) * 1e3));
  }
  const [least, most] = range(speeds).map((speed) => speed.toFixed(2));
  console.log(`${name.padEnd(24)}${median(speeds).toFixed(2)} (${least} – ${most})   ${median(coreSpeeds).toFixed(2)}`);
}
await device[Symbol.asyncDispose]();
