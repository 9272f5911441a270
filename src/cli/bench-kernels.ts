import { InvalidArgumentError, Option, type Command } from "commander";
import type { Device, DeviceRates } from "../device/backend.ts";
import { createNodeHost } from "../entry/node.ts";
import { deviceOptions } from "../llm/device-options.ts";
import { openDevice } from "../llm/open-device.ts";
import { affineSample, type AffineSample } from "./bench-kernels/affine-sample.ts";
import { timeLinear } from "./bench-kernels/time-linear.ts";
import { addCommonFlags, engineOptions, type CommonFlags } from "./flags/common-flags.ts";
import { integer } from "./flags/parse-number.ts";
import { formatTable } from "./format-table.ts";
import { Interruption } from "./interruption.ts";
import { median } from "./statistics.ts";
import { Terminal } from "./terminal.ts";
import { UsageError } from "./usage-error.ts";

interface BenchKernelsFlags extends CommonFlags {
  readonly bits: `${AffineSample["bits"]}`;
  readonly groupSize: number;
  readonly asym: boolean;
  readonly actOrder: boolean;
  readonly shapes: readonly Shape[];
  readonly rows: readonly number[];
  readonly repetitions: number;
}

interface Shape {
  readonly inFeatures: number;
  readonly outFeatures: number;
}

const examples = `
Weights come from memory, not from a cache: a program of many copies is timed, and what a step costs by itself is taken off. The
limit is the longer of reading the weights at the rate that this machine was measured to read, and of the operations at its peak.

Examples:
  fewbit bench kernels
  fewbit bench kernels --bits 2 --group-size 64 --shapes 4096x6144,12288x4096 --rows 1,16,512
  fewbit bench kernels --asym --act-order --cpu-activations f32 --json`;

export function defineBenchKernels(command: Command): void {
  command
    .description("microseconds of a linear, and its share of the machine's limit")
    .addOption(new Option("--op <name>", "what is timed").choices(["linear"]).default("linear"))
    .addOption(new Option("--bits <bits>", "of a weight").choices(["2", "3", "4", "8"]).default("4"))
    .option("--group-size <inputs>", "that share a scale; -1: all of a column", integer({ from: -1, to: 2 ** 20 }), 128)
    .option("--asym", "zero points of all values", false)
    .option("--act-order", "inputs in any order of groups", false)
    .addOption(
      new Option("--shapes <list>", "inputs x outputs, with commas between")
        .argParser(parseShapes)
        .default([{ inFeatures: 4096, outFeatures: 4096 }], "4096x4096"),
    )
    .addOption(
      new Option("--rows <list>", "tokens at once, with commas between")
        .argParser(parseRows)
        .default([1, 16, 512], "1,16,512"),
    )
    .option("-r, --repetitions <count>", "how often each is timed", integer({ from: 1, to: 10_000 }), 5);
  addCommonFlags(command).addHelpText("after", examples).action(benchKernels);
}

/** As `--json` prints it: a contract with scripts. */
interface KernelReport {
  readonly op: "linear";
  readonly scheme: "affine";
  readonly bits: number;
  readonly groupSize: number;
  readonly kernel: string;
  readonly rows: number;
  readonly in: number;
  readonly out: number;
  readonly microseconds: readonly number[];
  /** null: the device has no way to measure its limits. */
  readonly limitMicroseconds: number | null;
  readonly shareOfLimit: number | null;
}

async function benchKernels(flags: BenchKernelsFlags): Promise<void> {
  const { bits, groupSize, asym, actOrder, shapes, rows, repetitions } = flags;
  if (groupSize === 0 || (groupSize > 0 && groupSize % 32 !== 0))
    throw new UsageError(`--group-size takes multiples of 32, and -1; got ${groupSize}`);
  const terminal = new Terminal(flags);
  using interruption = new Interruption();
  const engine = engineOptions(flags);
  const { backends } = createNodeHost();
  await using device = await openDevice(backends, engine.backend ?? "auto", deviceOptions(engine), terminal.warn);
  const rates = await device.measure?.();
  const progress = terminal.progress("measuring");
  const reports: KernelReport[] = [];
  for (const shape of shapes)
    for (const count of rows) {
      progress?.(reports.length, shapes.length * rows.length);
      const sample = { ...shape, bits: Number(bits) as AffineSample["bits"], groupSize, asym, actOrder };
      reports.push(await measure(device, rates, sample, count, repetitions));
      interruption.check();
    }
  progress?.(1, 1);
  if (flags.json) terminal.printJson(reports);
  else terminal.print(describe(device, reports));
}

async function measure(
  device: Device,
  rates: DeviceRates | undefined,
  sample: AffineSample,
  rows: number,
  repetitions: number,
): Promise<KernelReport> {
  const { inFeatures, outFeatures, bits, groupSize } = sample;
  const { kernel, byteLength, microseconds } = await timeLinear(device, () => affineSample(sample), rows, repetitions);
  const limit =
    rates && 1e6 * Math.max(byteLength / rates.readRate, (2 * rows * inFeatures * outFeatures) / rates.dotRate);
  return {
    op: "linear",
    scheme: "affine",
    bits,
    groupSize,
    kernel,
    rows,
    in: inFeatures,
    out: outFeatures,
    microseconds,
    limitMicroseconds: limit ?? null,
    shareOfLimit: limit === undefined ? null : limit / median(microseconds),
  };
}

function describe(device: Device, reports: readonly KernelReport[]): string {
  const lines = reports.map(({ kernel, in: inputs, out, rows, microseconds, shareOfLimit }) => [
    kernel,
    `${inputs}x${out}`,
    String(rows),
    median(microseconds).toFixed(1),
    `${Math.min(...microseconds).toFixed(1)} to ${Math.max(...microseconds).toFixed(1)}`,
    shareOfLimit === null ? "–" : `${(100 * shareOfLimit).toFixed(0)} %`,
  ]);
  const head = ["kernel", "shape", "rows", "µs", "spread", "of the limit"];
  return [
    formatTable([head, ...lines], ["left", "right", "right", "right", "right", "right"]),
    "",
    `${device.description}, ${device.activations} activations`,
  ].join("\n");
}

function parseShapes(text: string): readonly Shape[] {
  return text.split(",").map((part) => {
    const [inFeatures, outFeatures] = part.split("x").map(integer({ from: 32, to: 2 ** 20 }));
    if (outFeatures === undefined || inFeatures % 32 !== 0 || outFeatures % 32 !== 0)
      throw new InvalidArgumentError("Shapes look like 4096x6144, of multiples of 32.");
    return { inFeatures, outFeatures };
  });
}

function parseRows(text: string): readonly number[] {
  return text.split(",").map(integer({ from: 1, to: 2 ** 16 }));
}
