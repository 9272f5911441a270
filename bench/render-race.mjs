#!/usr/bin/env node
// Writes docs/performance.md and docs/images/race.svg from what bench/race.mjs measured.
//
//   node bench/render-race.mjs results.json
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { format, resolveConfig } from "prettier";
import { median, range } from "./statistics.mjs";

const results = JSON.parse(readFileSync(process.argv[2], "utf8"));
const docs = (name) => fileURLToPath(new URL(`../docs/${name}`, import.meta.url));

/** What was measured of one entry: a row for its prompt, one for its answer. */
const rows = results.entries.flatMap((entry) =>
  ["pp", "tg"].flatMap((kind) => {
    const runs = results.rounds.map((round) => round[entry.name]).filter(({ llama, fewbit }) => llama[kind] && fewbit[kind]);
    if (runs.length === 0 || (kind === "pp" && entry.bars.pp === undefined)) return [];
    const speeds = (side) => runs.map((run) => run[side][kind].tokensPerSecond);
    const share = (name) => runs.every(({ fewbit }) => fewbit[kind][name] != null) && median(runs.map(({ fewbit }) => fewbit[kind][name]));
    const ratios = runs.map(({ llama, fewbit }) => fewbit[kind].tokensPerSecond / llama[kind].tokensPerSecond);
    const work = kind === "pp" ? `prompt of ${entry.prompt}` : `answer of ${entry.generate}`;
    const ofBandwidth = kind === "tg" && entry.batch === 1 && share("shareOfBandwidth");
    const limit = ofBandwidth ? { name: "bandwidth", share: ofBandwidth } : { name: "arithmetic", share: share("shareOfDotPeak") };
    return [{ title: entry.title, work, fewbit: speeds("fewbit"), llama: speeds("llama"), ratios, limit, bar: entry.bars[kind] }];
  }),
); // prettier-ignore

const percent = (share) => (share ? `${Math.round(100 * share)} %` : "—");
const speed = (numbers) => median(numbers).toFixed(median(numbers) < 100 ? 1 : 0);
function bar({ ratio, shareOfBandwidth, shareOfDotPeak } = {}) {
  const share = shareOfBandwidth ?? shareOfDotPeak;
  const parts = [ratio && `${ratio.toFixed(2)}×`, share && percent(share)].filter(Boolean);
  return parts.join(", ") || "—";
}

const { machine, limits, versions, startUp, perplexity } = results;
const table = (header, lines) =>
  [header, header.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
const rates = ({ readRate, dotRate }) => [`${(readRate / 1e9).toFixed(1)} GB/s`, `${(dotRate / 1e9).toFixed(0)} GOPS`];
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(0)} MB`;

const page = `# Performance on a processor

Measured by \`${results.command}\` on ${results.date}, written by \`bench/render-race.mjs\`; not edited by hand. Both programs ran in
turns, on the same weights, with a KV cache of fp16, without sampling, each after a warm-up. A ratio above 1 means that fewbit is faster.
Machines differ: what counts are ratios, and shares of what the machine can do.

- Machine: ${machine.processor}, ${machine.threads} threads of ${machine.logicalCores} logical cores, ${(machine.memoryBytes / 2 ** 30).toFixed(0)} GiB, ${machine.platform}
- Limits, by \`fewbit doctor --bench\`: ${rates(limits.rates).join(", ")} for 8-bit products; a barrier takes ${(1e6 * limits.rates.barrierSeconds).toFixed(2)} µs, a call from JavaScript ${(1e6 * limits.rates.callSeconds).toFixed(1)} µs${limits.ratesOfOneThread ? `; one thread: ${rates(limits.ratesOfOneThread).join(", ")}` : ""}
- Versions: fewbit ${versions.fewbit}, Node ${versions.node}, llama.cpp of node-llama-cpp ${versions.nodeLlamaCpp ?? "(unknown)"}

![Ratios of fewbit to llama.cpp](images/race.svg)

${table(
  ["model", "work", "fewbit, tokens/s", "llama.cpp, tokens/s", "ratio (least … most)", "share of the limit", "our bar"],
  rows.map(({ title, work, fewbit, llama, ratios, limit, bar: wanted }) => [
    title,
    work,
    speed(fewbit),
    speed(llama),
    `${median(ratios).toFixed(2)} (${range(ratios).map((ratio) => ratio.toFixed(2)).join(" … ")})`,
    `${percent(limit.share)} of ${limit.name}`,
    bar(wanted),
  ]),
)}

Bandwidth counts every byte that a token needs: weights once a step, the embedding's row, keys and values of all positions. Arithmetic
counts the multiply-adds of linears. A model whose file has an fp16 head runs with that head rounded to 8 bits here, and as it is in llama.cpp.
${
  perplexity?.length
    ? `
## What the shortcuts cost

Perplexity of the model of the repository, 8 windows of 512 tokens.

${table(
  ["how", "flags", "perplexity", "change"],
  perplexity.map(({ what, flags, perplexity: found }) => [
    what,
    flags.length === 0 ? "—" : `\`${flags.join(" ")}\``,
    found.toFixed(3),
    `${(100 * (found / perplexity[0].perplexity - 1)).toFixed(2)} %`,
  ]),
)}
`
    : ""
}${
  startUp
    ? `
## Start

The model of the repository, by \`node bench/start-up.mjs --runs ${startUp.firstTokenMs.length}\`, its files in the page cache: the first token after
${median(startUp.firstTokenMs).toFixed(0)} ms (${range(startUp.firstTokenMs).map((ms) => ms.toFixed(0)).join(" … ")}), a peak of ${megabytes(median(startUp.peakBytes))} resident.
`
    : ""
}`; // prettier-ignore
const layout = await resolveConfig(docs("performance.md"));
writeFileSync(docs("performance.md"), await format(page, { ...layout, parser: "markdown" }));

/** Bars from 0, a line at 1. */
function chart() {
  const [left, right, top, line] = [330, 70, 34, 26];
  const width = 860;
  const height = top + rows.length * line + 14;
  const most = Math.max(1.5, ...rows.map(({ ratios }) => Math.max(...ratios)));
  const at = (ratio) => left + (ratio / most) * (width - left - right);
  const escape = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  const bars = rows.map(({ title, work, ratios }, i) => {
    const y = top + i * line;
    const middle = median(ratios);
    const [least, largest] = range(ratios);
    return [
      `<text x="${left - 8}" y="${y + 15}" text-anchor="end">${escape(`${title}, ${work}`)}</text>`,
      `<rect x="${left}" y="${y + 3}" width="${(at(middle) - left).toFixed(1)}" height="16" fill="${middle >= 1 ? "#2f7d4f" : "#b5533c"}"/>`,
      `<path d="M${at(least).toFixed(1)} ${y + 11}H${at(largest).toFixed(1)}" stroke="#111" stroke-width="1.5"/>`,
      `<text x="${(at(largest) + 6).toFixed(1)}" y="${y + 15}">${middle.toFixed(2)}×</text>`,
    ].join("\n");
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">
<rect width="${width}" height="${height}" fill="#fff"/>
<text x="${left}" y="18" font-weight="bold">fewbit's speed over llama.cpp's, ${escape(machine.processor)}</text>
${bars.join("\n")}
<path d="M${at(1).toFixed(1)} ${top - 6}V${height - 10}" stroke="#111" stroke-dasharray="3 3"/>
</svg>
`;
}
writeFileSync(docs("images/race.svg"), chart());
