import type { PageKind } from "../device/program.ts";

/**
 * The most pages of one kind that a sequence holds on its way to `positions` positions, computed in chunks of at most `chunk`.
 *
 * Full attention keeps them all. A window of w keeps the chunk and the w - 1 positions before it: m = chunk + w - 1 consecutive
 * positions, which touch at most ceil((m - 1) / pageSize) + 1 pages however they lie.
 */
export function pageDemand(kind: PageKind, pageSize: number, positions: number, chunk: number): number {
  const all = Math.ceil(positions / pageSize);
  if (kind.window === undefined) return all;
  return Math.min(all, Math.ceil((chunk + kind.window - 2) / pageSize) + 1);
}

/** Positions that one sequence can have when all pages are its own; Infinity where a window bounds what it keeps. */
export function positionCapacity(kinds: readonly PageKind[], pageSize: number, pageCounts: readonly number[]): number {
  return kinds.reduce((least, kind, i) => {
    const keepsWindow = pageDemand(kind, pageSize, Infinity, 1) <= pageCounts[i];
    return keepsWindow ? least : Math.min(least, pageCounts[i] * pageSize);
  }, Infinity);
}

/** The page, counted from a sequence's first, with the first position that the token at `position` sees. */
export function firstVisiblePage({ window }: PageKind, pageSize: number, position: number): number {
  return window === undefined ? 0 : Math.floor(Math.max(0, position - window + 1) / pageSize);
}
