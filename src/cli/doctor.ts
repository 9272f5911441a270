import { availableParallelism, cpus } from "node:os";
import type { Command } from "commander";
import type { Backend, BackendReport, DeviceRates } from "../device/backend.ts";
import { hubCacheFolder } from "../hub/hub-settings.node.ts";
import { createNodeHost } from "../entry/node.ts";
import { absentBackends } from "./absent-backends.ts";
import { cpuFeatures } from "./cpu-features.ts";
import { addCommonFlags, engineOptions, type CommonFlags } from "./flags/common-flags.ts";
import { formatTable } from "./format-table.ts";
import { Interruption } from "./interruption.ts";
import { machineMemory, type MachineMemory } from "./machine-memory.ts";
import {
  examineCache,
  examineEnvironment,
  examineTerminal,
  type CacheFindings,
  type TerminalFindings,
} from "./surroundings.ts";
import { Terminal } from "./terminal.ts";
import { nodeNeeded, version } from "../util/version.ts";
import { visibleControls } from "./visible-controls.ts";

const examples = `
Examples:
  fewbit doctor
  fewbit doctor --bench
  fewbit doctor --bench --json --threads 1`;

export function defineDoctor(command: Command): void {
  command
    .description("show what this machine has, which backends can run, and how fast it is at most")
    .option(
      "--bench",
      "measure memory, arithmetic, barriers and calls, with all threads and with one; takes some seconds",
    );
  addCommonFlags(command).addHelpText("after", examples).action(doctor);
}

interface DoctorFlags extends CommonFlags {
  readonly bench?: boolean;
}

/** A backend as it was found, with the limits of its device where they are asked for and it can measure them. */
interface BackendFindings extends BackendReport {
  readonly threads?: number;
  readonly rates?: DeviceRates;
  /** Of one thread, where there are more. */
  readonly ratesOfOneThread?: DeviceRates;
}

interface Findings {
  readonly fewbit: string;
  readonly node: string;
  readonly platform: string;
  /** What package.json asks of Node. */
  readonly nodeNeeded: string;
  readonly cpu: {
    readonly model: string;
    readonly features: readonly string[];
    /** That the process may use; of those that there are. */
    readonly logicalCores: number;
    readonly installedCores: number;
  };
  readonly memory: MachineMemory;
  readonly cache: CacheFindings;
  readonly terminal: TerminalFindings;
  readonly environment: Readonly<Record<string, string>>;
  readonly backends: readonly BackendFindings[];
}

async function doctor(flags: DoctorFlags): Promise<void> {
  const { backend: wanted = "auto", threads } = engineOptions(flags);
  const terminal = new Terminal(flags);
  using interruption = new Interruption();
  const backends: BackendFindings[] = [];
  for (const backend of createNodeHost().backends) {
    interruption.check();
    if (wanted === "auto" || backend.name === wanted)
      backends.push(await examine(backend, threads, flags.bench === true));
  }
  interruption.check();
  const findings: Findings = {
    fewbit: version,
    node: process.version,
    nodeNeeded,
    platform: `${process.platform} ${process.arch}`,
    cpu: {
      model: cpus()[0]?.model.trim() ?? "unknown",
      features: await cpuFeatures(),
      logicalCores: availableParallelism(),
      installedCores: cpus().length,
    },
    memory: machineMemory(),
    cache: await examineCache(hubCacheFolder()),
    terminal: examineTerminal(terminal.colors.isColorSupported),
    environment: examineEnvironment(process.env),
    backends: wanted === "auto" ? [...backends, ...absentBackends] : backends,
  };
  if (flags.json) terminal.printJson(findings);
  else terminal.print(describe(findings, terminal));
}

async function examine(backend: Backend, threads: number | undefined, measures: boolean): Promise<BackendFindings> {
  const report = await backend.probe();
  if (!report.available) return report;
  await using device = await backend.open(threads === undefined ? {} : { threads });
  const found = { ...report, threads: device.threads };
  const rates = measures ? await device.measure?.() : undefined;
  if (rates === undefined) return found;
  if (device.threads === 1) return { ...found, rates };
  await using single = await backend.open({ threads: 1 });
  const ratesOfOneThread = await single.measure?.();
  return { ...found, rates, ...(ratesOfOneThread !== undefined && { ratesOfOneThread }) };
}

function describe(findings: Findings, { colors }: Terminal): string {
  const { fewbit, node, nodeNeeded, platform, cpu, memory, cache, terminal, environment, backends } = findings;
  const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;
  const machine = [
    ["fewbit", `${fewbit}, ${platform}`],
    ["node", `${node}; ${nodeNeeded} is needed`],
    ["processor", `${cpu.model}, ${cpu.logicalCores} of ${cpu.installedCores} logical cores`],
    ["features", cpu.features.join(" ") || "unknown"],
    [
      "memory",
      `${gigabytes(memory.totalBytes)}, ${gigabytes(memory.freeBytes)} free` +
        (memory.limitBytes === null ? "" : `, limited to ${gigabytes(memory.limitBytes)}`),
    ],
    [
      "models",
      `${cache.folder}${cache.isWritable ? "" : `, ${colors.red("cannot be written")}`}` +
        (cache.freeBytes === null ? "" : `, ${gigabytes(cache.freeBytes)} free on the disk`),
    ],
    ["terminal", describeTerminal(terminal)],
    ...Object.entries(environment).map(([name, value], i) => [
      i === 0 ? "environment" : "",
      `${name}=${visibleControls(value)}`,
    ]),
  ];
  const found = backends.flatMap(({ name, available, detail, rates, ratesOfOneThread }) => [
    [name, `${available ? colors.green("can run") : colors.red("cannot run")}: ${detail}`],
    ...(rates === undefined ? [] : describeRates(rates, ratesOfOneThread).map((line) => ["", line])),
  ]);
  return formatTable([...machine, ["", ""], ...found], ["left", "left"]);
}

function describeTerminal({ input, output, columns, type, hasColors }: TerminalFindings): string {
  if (!output) return input ? "output goes elsewhere" : "none";
  return `${type ?? "unknown"}, ${columns ?? 0} columns, ${hasColors ? "colours" : "no colours"}${input ? "" : ", input comes from elsewhere"}`;
}

function describeRates(rates: DeviceRates, ofOneThread: DeviceRates | undefined): readonly string[] {
  const { readRate, dotRate, barrierSeconds, callSeconds } = rates;
  const alone = (rate: (rates: DeviceRates) => number, digits: number): string =>
    ofOneThread === undefined ? "" : `, one thread at ${(rate(ofOneThread) / 1e9).toFixed(digits)}`;
  return [
    `reads memory at ${(readRate / 1e9).toFixed(1)} GB/s${alone((one) => one.readRate, 1)}`,
    `multiplies 8-bit numbers at ${(dotRate / 1e9).toFixed(0)} GOPS${alone((one) => one.dotRate, 0)}`,
    `threads wait for each other in ${(1e6 * barrierSeconds).toFixed(2)} µs`,
    `a call from JavaScript takes ${(1e6 * callSeconds).toFixed(1)} µs`,
  ];
}
