import type { Device } from "../device/backend.ts";
import type { PageKind } from "../device/program.ts";
import { positionCapacity } from "../kv-cache/page-demand.ts";
import type { Model } from "../models/model.ts";
import { RequestError } from "../util/errors.ts";
import { planMemory, type MemoryPlanOptions } from "./plan-memory.ts";

type Plan = Omit<MemoryPlanOptions, "pageKinds" | "pageSize" | "cachePositions">;

/**
 * How many positions all requests together may hold in caches of `cacheBytes`: the most whose pages of all layers fit. Asks nothing but
 * the model's config, so that what cannot fit is refused before a weight is read.
 *
 * Throws RequestError where the bytes do not suffice for one whole context; `remedy` says what else could be asked for.
 */
export function cachePositionsFor(
  model: Model,
  device: Pick<Device, "pageBytes" | "pageSize">,
  plan: Plan,
  cacheBytes: number,
  remedy = "give them more (cacheBytes, --kv-cache-memory)",
): number {
  const { kinds, bytesPerPage } = pagesOf(model, device);
  const { pageSize } = device;
  const { contextLength, maxSequences } = plan;
  const pageCounts = (positions: number): readonly number[] =>
    planMemory({ ...plan, pageKinds: kinds, pageSize, cachePositions: positions }).pageCounts;
  const bytesFor = (positions: number): number =>
    pageCounts(positions).reduce((sum, count, kind) => sum + count * bytesPerPage[kind], 0);
  const holdsContext = (positions: number): boolean =>
    positionCapacity(kinds, pageSize, pageCounts(positions)) >= contextLength;
  if (bytesFor(contextLength) > cacheBytes || !holdsContext(contextLength))
    throw new RequestError(
      `caches of ${cacheBytes} bytes do not hold one context of ${contextLength} positions, which takes ${bytesFor(contextLength)} bytes: ` +
        `${remedy}, or ask for a shorter context (contextLength, --max-model-len)`,
    );
  // bytesFor grows with the positions, in whole pages.
  let [fits, most] = [contextLength, maxSequences * contextLength];
  while (fits < most) {
    const middle = Math.ceil((fits + most) / 2);
    if (bytesFor(middle) <= cacheBytes) fits = middle;
    else most = middle - 1;
  }
  return fits;
}

/** The model's page kinds, one for each window, and the bytes of a page of each, over all layers that have it. */
function pagesOf(model: Model, device: Pick<Device, "pageBytes">) {
  const bytes = new Map<number | undefined, number>();
  for (const layer of model.layers) {
    if (layer.kind !== "attention") continue;
    const { kvHeads, headDim, window } = layer;
    const page = device.pageBytes({ kind: "paged", pageKind: 0, kvHeads, headDim });
    bytes.set(window, (bytes.get(window) ?? 0) + page);
  }
  const kinds: readonly PageKind[] = Array.from(bytes.keys(), (window) => (window === undefined ? {} : { window }));
  return { kinds, bytesPerPage: [...bytes.values()] };
}
