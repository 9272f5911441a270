import type { Checkpoint, CheckpointModule } from "../checkpoint/checkpoint.ts";
import type { JsonObject, JsonValue } from "../util/json.ts";
import { counted } from "../util/counted.ts";
import { quote } from "../util/quote.ts";
import type { KernelUse, PlannedMemory, Runner } from "./find-runners.ts";
import { formatTable } from "./format-table.ts";
import { groupModules } from "./group-modules.ts";
import type { Inspection } from "./inspection.ts";
import type { MachineMemory } from "./machine-memory.ts";
import type { WeightError } from "./plot/weight-errors.ts";
import type { Terminal } from "./terminal.ts";
import { megabytes } from "./megabytes.ts";

/** An inspection for people: what it is, what it holds, what can run it. */
export function describeCheckpoint(checkpoint: Checkpoint, inspection: Inspection, { colors }: Terminal): string {
  const { format, unreadable, declared, architecture, parameters, bitsPerWeight, byteLength } = inspection;
  const head = [
    ["model", printable(checkpoint.label)],
    ["format", `${printable(format)}${declared === null ? "" : `, declared ${describeDeclared(declared)}`}`],
    ...(unreadable === undefined ? [] : [["", "cannot be read: tensors are listed as they are stored"]]),
    ...(checkpoint.notes ?? []).map((note) => ["", printable(note)]),
    ["architecture", architecture === null ? "none: there is no config.json" : printable(architecture)],
    [
      "weights",
      `${(parameters / 1e6).toFixed(1)} M in ${megabytes(byteLength)}` +
        (bitsPerWeight === null ? "" : `, ${bitsPerWeight.toFixed(2)} bits each`),
    ],
  ];
  const modules = groupModules(checkpoint.modules()).map(({ name, modules }) => [
    printable(name),
    modules.length === 1 ? "" : `${modules.length} ×`,
    modules[0].shape.join(" × "),
    storedAs(modules[0]),
    megabytes(modules.reduce((sum, module) => sum + module.byteLength, 0)),
  ]);
  const runners =
    unreadable === undefined
      ? [
          ...inspection.backends.flatMap((runner) =>
            describeRunner(runner, inspection.memory).map((line, i) => [i === 0 ? runner.backend : "", line]),
          ),
          describeMachine(inspection.memory),
        ]
      : [["nothing can run it", unreadable]];
  const title = (text: string): string => colors.bold(text);
  return [
    formatTable(head, ["left", "left"]),
    "",
    formatTable(
      [["weight", "", "shape", "stored as", "size"].map(title), ...modules],
      ["left", "right", "left", "left", "right"],
    ),
    "",
    formatTable(runners, ["left", "left"]),
    ...(inspection.errors === undefined ? [] : ["", describeErrors(inspection.errors)]),
  ].join("\n");
}

/** The mean and the worst. */
function describeErrors(errors: readonly WeightError[]): string {
  if (errors.length === 0) return "relative errors  none: the checkpoints have no linear in common";
  const mean = errors.reduce((sum, { relativeError }) => sum + relativeError, 0) / errors.length;
  const worst = errors.reduce((most, error) => (error.relativeError > most.relativeError ? error : most));
  const same = errors.filter(({ relativeError }) => relativeError === 0).length;
  const [meanText, worstText] = [mean, worst.relativeError].map((error) => error.toExponential(2));
  return `relative errors  ${meanText} in the mean, at most ${worstText} (${printable(worst.module)}); ${same} of ${errors.length} weights are the same`;
}

function describeDeclared(declared: JsonObject): string {
  const scalars = Object.entries(declared).filter(([, value]) => typeof value !== "object");
  const text = (value: JsonValue | undefined): string => (typeof value === "string" ? value : JSON.stringify(value));
  return scalars.map(([key, value]) => printable(`${key}=${text(value)}`)).join(" ");
}

function storedAs({ scheme, bits, groupSize, shape, tensor }: CheckpointModule): string {
  if (tensor !== undefined) return tensor.dtype;
  const groups = groupSize === undefined ? "" : groupSize >= shape[1] ? ", one group" : `, groups of ${groupSize}`;
  return `${bits}-bit ${scheme}${groups}`;
}

function describeRunner(runner: Runner, machine: MachineMemory): readonly string[] {
  const { canRun, detail, kernels, cacheBytesPer1k, memory } = runner;
  if (!canRun) return [`cannot run it: ${detail}`];
  const cache =
    cacheBytesPer1k === undefined ? [] : [`${megabytes(cacheBytesPer1k)} of KV cache per 1k tokens of context`];
  return [
    `can run it: ${detail}`,
    ...kernels.map(describeUse),
    ...cache,
    ...(memory === undefined
      ? []
      : [describeMemory(memory, memory.device ?? (runner.backend === "cuda" ? undefined : machine))]),
  ];
}

function describeMemory(memory: PlannedMemory, has: Pick<MachineMemory, "freeBytes"> | undefined): string {
  const { weightBytes, cacheBytes, scratchBytes, totalBytes, isEstimate, contextLength, sequences } = memory;
  const whose = sequences === 1 ? "" : ` and ${sequences} answers at once`;
  const parts = `weights ${megabytes(weightBytes)}, KV cache ${megabytes(cacheBytes)}, scratch ${megabytes(scratchBytes)}`;
  const total = `${isEstimate ? "about " : ""}${megabytes(totalBytes)}${totalBytes > (has?.freeBytes ?? Infinity) ? ", MORE THAN IS FREE," : ""}`;
  return `takes ${total} with a context of ${contextLength}${whose}: ${parts}`;
}

function describeMachine({ totalBytes, freeBytes, limitBytes }: MachineMemory): readonly string[] {
  return ["memory", `${megabytes(freeBytes)} of ${megabytes(limitBytes ?? totalBytes)} are free here`];
}

function describeUse({ kernel, linears, refusals }: KernelUse): string {
  const others = refusals.map((refusal) => `; not ${refusal.kernel}, which ${refusal.reason}`);
  return `${kernel} for ${counted(linears, "linear")}${others.join("")}`;
}

/** Names come from a stranger's file, and a terminal obeys what it is sent. */
function printable(text: string): string {
  return quote(text).slice(1, -1);
}
