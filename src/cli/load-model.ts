import { createNodeHost } from "../entry/node.ts";
import type { LLM } from "../llm/llm.ts";
import { loadLLM } from "../llm/load-llm.ts";
import type { LoadOptions } from "../llm/load-options.ts";
import type { RequestLimits } from "../llm/request-limits.ts";
import { engineOptions, readOverrides, type CommonFlags } from "./flags/common-flags.ts";
import { hubAccess, withRevision } from "./flags/hub-flags.ts";
import { loadingProgress } from "./loading-progress.ts";
import type { NamedModel } from "./locate-named-model.ts";
import { megabytes } from "./megabytes.ts";
import { withPathHint } from "./suggest-path.ts";
import type { Terminal } from "./terminal.ts";

/** What matters where a model has many users. */
export interface ServingOptions extends Pick<
  LoadOptions,
  "maxSequences" | "cacheBytes" | "memoryShare" | "inProcess" | "stepTimeoutMs" | keyof RequestLimits
> {
  /** Without `--verbose` too it is said what became of the model. */
  readonly isAnnounced?: boolean;
}

/** Loads the model that a command speaks with, and says with `--verbose` what became of it. For one sequence at a time unless told. */
export async function loadModel(
  name: NamedModel,
  flags: CommonFlags,
  terminal: Terminal,
  signal: AbortSignal,
  { maxSequences = 1, isAnnounced = false, ...serving }: ServingOptions = {},
): Promise<LLM> {
  const path = typeof name === "object" ? undefined : name;
  const llm = await withPathHint(path, () =>
    loadLLM(createNodeHost(), typeof name === "object" ? name : withRevision(name, flags), {
      ...engineOptions(flags),
      ...readOverrides(flags),
      ...serving,
      maxSequences,
      signal,
      onWarning: terminal.warn,
      onProgress: loadingProgress(terminal),
      hub: hubAccess(flags),
    }),
  );
  const { model, architecture, format, contextLength, device, loadMs } = llm.info;
  const kernels = Object.entries(device.kernels).map(([kernel, count]) => `${kernel} × ${count}`);
  const lines = [
    `model    ${model} (${architecture}, ${format}), ${contextLength} positions`,
    `device   ${device.backend}: ${device.description}`,
    `kernels  ${kernels.join(", ")}`,
    `memory   weights ${megabytes(device.weightBytes)}, caches and buffers ${megabytes(device.stepBytes)}`,
    `loaded   in ${Math.round(loadMs)} ms`,
  ];
  for (const line of lines) {
    if (isAnnounced) terminal.note(line);
    else terminal.detail(line);
  }
  return llm;
}
