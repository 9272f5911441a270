#!/usr/bin/env node
// Speed of transcoding weights into the CPU's tiles, in GB of packed codes a second, for every order of codes and every width.
//
//   node bench/transcode.mjs [ORDER …] [--threads N] [--in 4096] [--out 14336] [--rounds 5]
//
// Random codes in groups of 128 with zero points; the first round does not count. Beside the time on the clock stands that of all
// threads together, which a busy machine disturbs less.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { build } from "tsdown";
import { median, range } from "./statistics.mjs";

const root = fileURLToPath(new URL("../", import.meta.url));
const folder = join(root, "build", "bench"); // as deep as sources, so that the native library and koffi are found
mkdirSync(folder, { recursive: true });
const outDir = mkdtempSync(join(folder, "transcode-"));
process.on("exit", () => rmSync(outDir, { recursive: true }));
const entry = {
  backend: "src/backends/cpu/cpu-backend.node.ts",
  weights: "src/weights/packed-weight.ts",
  limits: "src/weights/code-order-limits.ts",
};
await build({
  config: false,
  cwd: root,
  entry,
  outDir,
  format: "esm",
  dts: false,
  external: ["koffi"],
  logLevel: "silent",
});
const load = (name) => import(pathToFileURL(join(outDir, `${name}.mjs`)));
const [{ createCpuBackend }, weights, limits] = await Promise.all(["backend", "weights", "limits"].map(load));

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
const random = (length) => Uint8Array.from({ length }, () => Math.random() * 256);

/** Every weight of this shape that there is, with its codes' bytes. */
function* cases() {
  const common = {
    inFeatures,
    outFeatures,
    groupSize: 128,
    scaleType: "f16",
    scales: random(2 * groups * outFeatures),
  };
  for (const order of positionals.length > 0 ? positionals : [...weights.codeOrders, "sparse-24"])
    for (const bits of order === "sparse-24" ? [4, 8] : weights.affineBits) {
      if (order === "sparse-24") {
        const positions = new Uint8Array((inFeatures * outFeatures) / 8).fill(0x94);
        const codes = random((inFeatures * outFeatures * bits) / 16);
        yield { ...common, scheme: "sparse-24", bits, order, codes, positions };
      } else if (limits.codeOrderLimits(order, bits).bits.includes(bits)) {
        const codes = random(limits.codeBytes({ order, bits, inFeatures, outFeatures }));
        const zeros = { order: "bytes", bytes: new Uint8Array(groups * outFeatures) };
        yield { ...common, scheme: "affine-zero", bits, order, codes, zeros };
      }
    }
}

const device = await createCpuBackend().open(values.threads === undefined ? {} : { threads: Number(values.threads) });
console.log(
  `${device.description}; ${inFeatures} → ${outFeatures}; GB/s of codes by the clock (least – most), and a second of a core`,
);
for (const weight of cases()) {
  const speeds = [];
  const coreSpeeds = [];
  for (let round = 0; round <= rounds; round++) {
    const [start, cpu] = [performance.now(), process.cpuUsage()];
    const prepared = await device.prepare([weight]);
    const [seconds, used] = [(performance.now() - start) / 1e3, process.cpuUsage(cpu)];
    prepared[Symbol.dispose]();
    if (round === 0) continue;
    speeds.push(weight.codes.length / seconds / 1e9);
    coreSpeeds.push(weight.codes.length / ((used.user + used.system) * 1e3));
  }
  const [least, most] = range(speeds).map((speed) => speed.toFixed(2));
  const name = `${weight.order} ${weight.bits} bit`.padEnd(24);
  console.log(`${name}${median(speeds).toFixed(2)} (${least} – ${most})   ${median(coreSpeeds).toFixed(2)}`);
}
await device[Symbol.asyncDispose]();
