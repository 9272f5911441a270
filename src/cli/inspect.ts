import { createHash } from "node:crypto";
import { basename } from "node:path";
import { Option, type Command } from "commander";
import type { Checkpoint, CheckpointModule } from "../checkpoint/checkpoint.ts";
import { hashWeights } from "../checkpoint/hash-weights.ts";
import { createNodeHost } from "../entry/node.ts";
import { throwIfAborted } from "../util/abort.ts";
import { deviceOptions } from "../llm/device-options.ts";
import { absentBackends } from "./absent-backends.ts";
import { describeCheckpoint } from "./describe-checkpoint.ts";
import { describeProgram, findRunners, type Runner } from "./find-runners.ts";
import { addCommonFlags, engineOptions, type CommonFlags } from "./flags/common-flags.ts";
import { addModel, namedModel, type ModelFlag } from "./flags/model-flag.ts";
import { integer } from "./flags/parse-number.ts";
import type { Inspection } from "./inspection.ts";
import { Interruption } from "./interruption.ts";
import { machineMemory } from "./machine-memory.ts";
import { openNamedCheckpoint } from "./open-named-checkpoint.ts";
import { errorPlot } from "./plot/error-plot.ts";
import { weightErrors, type WeightError } from "./plot/weight-errors.ts";
import { Terminal } from "./terminal.ts";
import { UsageError } from "./usage-error.ts";
import { writeWholeFile } from "./write-whole-file.ts";

interface InspectFlags extends CommonFlags, ModelFlag {
  readonly hashes?: boolean;
  readonly plot?: string;
  readonly against?: string;
  readonly maxNumSeqs: number;
}

const examples = `
Examples:
  fewbit inspect ./my-model
  fewbit inspect ./my-model/model.safetensors --json
  fewbit inspect ./my-model --ctx-size 32768 --max-num-seqs 8
  fewbit inspect ./my-model --hashes --json
  fewbit inspect ./my-model-gptq --against ./my-model --plot error.svg`;

export function defineInspect(command: Command): void {
  addModel(command);
  command.option("--hashes", "sha256 of every dequantized weight, as little-endian f32, rows of outputs");
  command.option("--against <model>", "another checkpoint of the same model: how far each weight is from its own");
  command.option("--plot <file>", "draws that as an SVG, layer by layer");
  command.addOption(
    new Option("--max-num-seqs <count>", "plan the memory of so many answers at once, as serve has them")
      .argParser(integer({ from: 1, to: 1024 }))
      .default(1),
  );
  addCommonFlags(command)
    .addHelpText("after", `\n--verbose prints the program that the model is compiled to.\n${examples}`)
    .action(inspect);
}

async function inspect(argument: string | undefined, flags: InspectFlags): Promise<void> {
  const engine = { ...engineOptions(flags), maxSequences: flags.maxNumSeqs };
  if (flags.plot !== undefined && flags.against === undefined)
    throw new UsageError("--plot draws the error against another checkpoint; --against names it");
  const terminal = new Terminal(flags);
  using interruption = new Interruption();
  const { signal } = interruption;
  const host = createNodeHost();
  await using checkpoint = await openNamedCheckpoint(host, namedModel(argument, flags), flags, terminal, signal, true);
  const modules = checkpoint.modules();
  const hashes = flags.hashes ? await hashAll(checkpoint, modules.length, terminal, signal) : undefined;
  const errors =
    flags.against === undefined ? undefined : await compareWith(flags.against, checkpoint, flags, terminal, signal);

  const { backend: wanted = "auto" } = engine;
  const backends = host.backends.filter((backend) => wanted === "auto" || backend.name === wanted);
  const runners = await findRunners(checkpoint, backends, engine, terminal.warn);
  const best = backends.find((_, i) => runners[i].canRun);
  if (flags.verbose && best) terminal.detail(await describeProgram(checkpoint, best, deviceOptions(engine), signal));
  const inspection = {
    ...describeWeights(checkpoint, modules, hashes),
    ...(errors && { errors }),
    backends: wanted === "auto" ? [...runners, ...absentRunners] : runners,
    memory: machineMemory(),
  };
  if (flags.json) terminal.printJson(inspection);
  else terminal.print(describeCheckpoint(checkpoint, inspection, terminal));
}

/** The errors against another checkpoint, drawn where the user wants it. */
async function compareWith(
  other: string,
  checkpoint: Checkpoint,
  flags: InspectFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<readonly WeightError[]> {
  await using wanted = await openNamedCheckpoint(createNodeHost(), other, flags, terminal, signal);
  const errors = await weightErrors(checkpoint, wanted, { signal, onProgress: terminal.progress("comparing") });
  if (flags.plot !== undefined) {
    const picture = errorPlot(`${basename(checkpoint.label)} against ${basename(wanted.label)}`, errors);
    await writeWholeFile(flags.plot, (write) => write(new TextEncoder().encode(picture)));
  }
  return errors;
}

const absentRunners: readonly Runner[] = absentBackends.map(({ name, detail }) => ({
  backend: name,
  canRun: false,
  detail,
  kernels: [],
}));

async function hashAll(
  checkpoint: Checkpoint,
  total: number,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const progress = terminal.progress("hashing");
  const hashes = new Map<string, string>();
  let done = 0;
  for await (const { module, sha256 } of hashWeights(checkpoint, () => createHash("sha256"))) {
    throwIfAborted(signal, "hashing");
    if (sha256 !== undefined) hashes.set(module.name, sha256);
    progress?.(++done, total);
  }
  return hashes;
}

function describeWeights(
  checkpoint: Checkpoint,
  modules: readonly CheckpointModule[],
  hashes: ReadonlyMap<string, string> | undefined,
): Omit<Inspection, "backends" | "memory"> {
  let parameters = 0;
  let byteLength = 0;
  for (const module of modules) {
    parameters += module.shape.reduce((product, dimension) => product * dimension, 1);
    byteLength += module.byteLength;
  }
  return {
    format: checkpoint.format,
    ...(checkpoint.unreadable !== undefined && { unreadable: checkpoint.unreadable }),
    declared: checkpoint.declared ?? null,
    architecture: architectureOf(checkpoint),
    parameters,
    // What is stored in an unknown way has a number of values, but who knows of how many weights.
    bitsPerWeight: parameters === 0 || checkpoint.unreadable !== undefined ? null : (8 * byteLength) / parameters,
    weights: modules.map(({ name, shape, scheme, bits, groupSize }) => {
      const sha256 = hashes?.get(name);
      return {
        ...{ name, shape, scheme: family(scheme), bits },
        ...(groupSize !== undefined && { groupSize }),
        ...(sha256 !== undefined && { sha256 }),
      };
    }),
    byteLength,
  };
}

/** Scripts are told the family of a scheme: whether its groups have zero points or minima is in the bytes. */
function family(scheme: CheckpointModule["scheme"]): string {
  return scheme.startsWith("affine-") ? "affine" : scheme;
}

function architectureOf({ config }: Checkpoint): string | null {
  const names = config?.architectures;
  const name: unknown = Array.isArray(names) ? names[0] : undefined;
  const type = config?.model_type;
  return typeof name === "string" ? name : typeof type === "string" ? type : null;
}
