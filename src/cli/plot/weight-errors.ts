import type { Checkpoint } from "../../checkpoint/checkpoint.ts";
import { planLoads } from "../../compile/plan-loads.ts";
import { modelOf } from "../../llm/load-engine.ts";
import { throwIfAborted } from "../../util/abort.ts";
import { FormatError } from "../../util/errors.ts";
import { quote } from "../../util/quote.ts";
import { compareWeights } from "../../weights/compare-weights.ts";

export interface WeightError {
  /** As the model calls it. */
  readonly module: string;
  /** ‖found − wanted‖ / ‖wanted‖ over all values; 0 where they are the same. */
  readonly relativeError: number;
}

export interface WeightErrorOptions {
  readonly signal: AbortSignal;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/**
 * How far every linear of a checkpoint is from that of another of the same model, whatever the formats of both; what only one of them
 * holds as one linear is left out. Two weights are in memory at a time. Throws FormatError where shapes say that the models differ, and as
 * Checkpoint.linear.
 */
export async function weightErrors(
  found: Checkpoint,
  wanted: Checkpoint,
  { signal, onProgress }: WeightErrorOptions,
): Promise<readonly WeightError[]> {
  const { projections } = planLoads(modelOf(found), found);
  const modules = projections
    .flatMap((projection) => projection.modules)
    .filter(({ module }) => wanted.hasLinear(module));
  const errors: WeightError[] = [];
  for (const linear of modules) {
    throwIfAborted(signal, "comparing");
    const { module } = linear;
    const [a, b] = await Promise.all(
      [found, wanted].map(async (each) => (await each.linear(module, undefined, linear)).weight),
    );
    if (a.inFeatures !== b.inFeatures || a.outFeatures !== b.outFeatures)
      throw new FormatError(
        `${quote(module)} is ${a.outFeatures} × ${a.inFeatures} in ${found.label} and ${b.outFeatures} × ${b.inFeatures} in ${wanted.label}: these are different models`,
      );
    errors.push({ module, relativeError: Math.sqrt(compareWeights(a, b)?.relativeSquaredError ?? 0) });
    onProgress?.(errors.length, modules.length);
  }
  return errors;
}
