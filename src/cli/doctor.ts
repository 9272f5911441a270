import { availableParallelism, cpus, freemem, totalmem } from "node:os";
import type { Command } from "commander";
import type { Backend, BackendReport, DeviceRates } from "../device/backend.ts";
import { createNodeHost } from "../entry/node.ts";
import { absentBackends } from "./absent-backends.ts";
import { cpuFeatures } from "./cpu-features.ts";
import { addCommonFlags, engineOptions, type CommonFlags } from "./flags/common-flags.ts";
import { formatTable } from "./format-table.ts";
import { Interruption } from "./interruption.ts";
import { Terminal } from "./terminal.ts";
import { version } from "./version.ts";

const examples = `
Examples:
  fewbit doctor
  fewbit doctor --json --threads 1`;

export function defineDoctor(command: Command): void {
  command.description("show what this machine has, which backends can run, and how fast it is at most");
  addCommonFlags(command).addHelpText("after", examples).action(doctor);
}

/** A backend as it was found, with the limits of its device where it can measure them. */
interface BackendFindings extends BackendReport {
  readonly threads?: number;
  readonly rates?: DeviceRates;
}

interface Findings {
  readonly fewbit: string;
  readonly node: string;
  readonly platform: string;
  readonly cpu: { readonly model: string; readonly features: readonly string[]; readonly logicalCores: number };
  readonly memory: { readonly totalBytes: number; readonly freeBytes: number };
  readonly backends: readonly BackendFindings[];
}

async function doctor(flags: CommonFlags): Promise<void> {
  const { backend: wanted = "auto", threads } = engineOptions(flags);
  const terminal = new Terminal(flags);
  using interruption = new Interruption();
  const backends: BackendFindings[] = [];
  for (const backend of createNodeHost().backends) {
    interruption.check();
    if (wanted === "auto" || backend.name === wanted) backends.push(await examine(backend, threads));
  }
  interruption.check();
  const findings: Findings = {
    fewbit: version,
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cpu: {
      model: cpus()[0]?.model.trim() ?? "unknown",
      features: await cpuFeatures(),
      logicalCores: availableParallelism(),
    },
    memory: { totalBytes: totalmem(), freeBytes: freemem() },
    backends: wanted === "auto" ? [...backends, ...absentBackends] : backends,
  };
  if (flags.json) terminal.printJson(findings);
  else terminal.print(describe(findings, terminal));
}

async function examine(backend: Backend, threads: number | undefined): Promise<BackendFindings> {
  const report = await backend.probe();
  if (!report.available) return report;
  await using device = await backend.open(threads === undefined ? {} : { threads });
  const rates = await device.measure?.();
  return { ...report, threads: device.threads, ...(rates !== undefined && { rates }) };
}

function describe({ fewbit, node, platform, cpu, memory, backends }: Findings, { colors }: Terminal): string {
  const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;
  const machine = [
    ["fewbit", `${fewbit}, Node ${node}, ${platform}`],
    ["processor", `${cpu.model}, ${cpu.logicalCores} logical cores`],
    ["features", cpu.features.join(" ") || "unknown"],
    ["memory", `${gigabytes(memory.totalBytes)}, ${gigabytes(memory.freeBytes)} free`],
  ];
  const found = backends.flatMap(({ name, available, detail, rates }) => [
    [name, `${available ? colors.green("can run") : colors.red("cannot run")}: ${detail}`],
    ...(rates === undefined ? [] : describeRates(rates).map((line) => ["", line])),
  ]);
  return formatTable([...machine, ["", ""], ...found], ["left", "left"]);
}

function describeRates({ readRate, dotRate, barrierSeconds, callSeconds }: DeviceRates): readonly string[] {
  return [
    `reads memory at ${(readRate / 1e9).toFixed(1)} GB/s`,
    `multiplies 8-bit numbers at ${(dotRate / 1e9).toFixed(0)} GOPS`,
    `threads wait for each other in ${(1e6 * barrierSeconds).toFixed(2)} µs`,
    `a call from JavaScript takes ${(1e6 * callSeconds).toFixed(1)} µs`,
  ];
}
