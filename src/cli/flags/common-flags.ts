import { Option, type Command } from "commander";
import {
  cacheTypes,
  headTypes,
  maxThreads,
  type ActivationType,
  type BackendName,
  type CacheType,
  type HeadType,
} from "../../device/backend.ts";
import type { ReadOverrides } from "../../checkpoint/checkpoint.ts";
import { dtypeChoices, type DtypeChoice } from "../../device/choose-dtype.ts";
import type { EngineOptions } from "../../llm/engine-options.ts";
import { UnsupportedError } from "../../util/errors.ts";
import { addOptionWithAliases } from "./alias-option.ts";
import { addHubFlags, type HubFlags } from "./hub-flags.ts";
import { addOutputFlags, type OutputFlags } from "./output-flags.ts";
import { integer } from "./parse-number.ts";

/** What every command takes; `auto` where the user leaves the choice to fewbit. */
export interface CommonFlags extends HubFlags, OutputFlags {
  readonly backend: BackendName | "auto";
  readonly dtype: DtypeChoice;
  readonly threads?: number;
  readonly cpuActivations?: ActivationType;
  readonly kvCacheDtype: CacheType | "auto";
  readonly lmHead?: HeadType;
  readonly ctxSize?: number;
  readonly checkpointFormat?: string;
  readonly transposed?: string;
}

/** Positions beyond this are a slip of the finger; small enough that products stay exact. */
const largestCount = 2 ** 26;

export function addCommonFlags(command: Command): Command {
  command.optionsGroup("Engine:");
  const flags = [
    new Option("--backend <name>", "what computes").choices(["auto", "cpu", "reference", "cuda", "webgpu"]),
    new Option(
      "--dtype <type>",
      "what activations are between ops: auto is what the checkpoint's embedding is; the cpu computes in f32 whatever it is; f32 keeps the KV cache in f32 too",
    ).choices(dtypeChoices),
    new Option("--kv-cache-dtype <type>", "how keys and values are kept").choices(["auto", ...cacheTypes]),
  ].map((option) => option.default("auto"));
  flags.push(
    new Option("-t, --threads <count>", "CPU threads (default: all physical cores)").argParser(
      integer({ from: 1, to: maxThreads }),
    ),
    new Option("--cpu-activations <type>", "int8 is fast (default), f32 is exact").choices(["int8", "f32"]),
    new Option(
      "--lm-head <type>",
      "a head that the checkpoint has in floats: int8 rounds it as it is loaded, keep does not (default: int8 with int8 activations)",
    ).choices(headTypes),
    new Option(
      "--checkpoint-format <name>",
      "variant of its format that the checkpoint is read as, whatever the files say (such as gptq_v2)",
    ),
    new Option(
      "--transposed <pattern>",
      "matrices that lie inputs first although their dimensions say outputs first: names with *, parted by commas",
    ),
  );
  for (const option of flags) command.addOption(option);
  const context = new Option("-c, --ctx-size <positions>", "positions of one sequence, prompt and answer together");
  addOptionWithAliases(command, context.argParser(integer({ from: 1, to: largestCount })), ["--max-model-len"]);
  addHubFlags(command);
  return addOutputFlags(command);
}

/** How the flags would have the model run. Throws UnsupportedError for a backend that this build does not have. */
export function engineOptions(flags: CommonFlags): EngineOptions {
  const { backend, dtype, threads, cpuActivations, kvCacheDtype, lmHead, ctxSize } = flags;
  if (backend === "webgpu")
    throw new UnsupportedError("this build has no webgpu backend; --backend takes auto, cuda, cpu or reference");
  return {
    backend,
    ...(dtype !== "auto" && { dtype }),
    ...(threads !== undefined && { threads }),
    ...(cpuActivations !== undefined && { activations: cpuActivations }),
    ...(kvCacheDtype !== "auto" && { cacheType: kvCacheDtype }),
    ...(lmHead !== undefined && { headType: lmHead }),
    ...(ctxSize !== undefined && { contextLength: ctxSize }),
  };
}

export function readOverrides({ checkpointFormat, transposed }: CommonFlags): ReadOverrides {
  return { checkpointFormat, transposed };
}
