import type { Program } from "../device/program.ts";
import type { StepLimits } from "../device/step.ts";
import { pageDemand } from "../kv-cache/page-demand.ts";

export interface MemoryPlanOptions {
  readonly pageKinds: Program["pageKinds"];
  readonly pageSize: number;
  readonly contextLength: number;
  readonly maxSequences: number;
  /** Tokens of one step; a longer prompt takes several. */
  readonly stepTokens: number;
  /** Rows of logits of one step. */
  readonly maxOutputs: number;
  /** Positions that all sequences together may hold; absent: one whole context, and 1,024 for each further sequence. */
  readonly cachePositions?: number | undefined;
}

/** What every further sequence gets by default: a conversation of some length. Who runs out of it waits, or is computed again later. */
const spareContext = 1024;

/** How large a step and the caches are. A windowed layer needs pages for its window only. */
export function planMemory(options: MemoryPlanOptions): StepLimits {
  const { pageKinds, pageSize, contextLength, maxSequences, stepTokens, cachePositions } = options;
  const maxTokens = Math.max(stepTokens, maxSequences);
  const spare = Math.min(spareContext, contextLength);
  const pagesFor = (kind: Program["pageKinds"][number], positions: number): number =>
    pageDemand(kind, pageSize, positions, maxTokens);
  return {
    maxTokens,
    maxSequences,
    maxOutputs: Math.max(options.maxOutputs, maxSequences),
    pageSize,
    pageCounts: pageKinds.map((kind) =>
      cachePositions === undefined
        ? pagesFor(kind, contextLength) + (maxSequences - 1) * pagesFor(kind, spare)
        : Math.min(Math.ceil(cachePositions / pageSize), maxSequences * pagesFor(kind, contextLength)),
    ),
  };
}
