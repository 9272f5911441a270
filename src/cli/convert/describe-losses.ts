import type { LossyModule } from "../../quantize/plan-conversion.ts";
import { formatTable } from "../format-table.ts";

/** A table of what was rounded, for people. */
export function describeLosses(lossy: readonly LossyModule[]): string {
  const rows = lossy.map(({ name, relativeSquaredError, maxError, reason }) => [
    name,
    relativeSquaredError.toExponential(2),
    maxError.toExponential(2),
    reason,
  ]);
  return formatTable(
    [["module", "relative squared error", "largest error", "why"], ...rows],
    ["left", "right", "right", "left"],
  );
}
