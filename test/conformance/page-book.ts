import type { PageKind } from "../../src/device/program.ts";
import type { PageTable } from "../../src/device/step.ts";
import { Random } from "./random.ts";

/** Which pages each sequence of a test has: as many as it needs, with shuffled numbers, for every page kind. */
export class PageBook {
  readonly pageCounts: readonly number[];
  readonly #pageSize: number;
  readonly #kinds: readonly PageKind[];
  /** [kind][sequence][page of the sequence]. */
  readonly #pages: readonly (readonly Int32Array[])[];

  /** `lengths`: positions of every sequence. Some pages belong to nobody. */
  constructor(kinds: readonly PageKind[], lengths: readonly number[], pageSize: number, seed: number) {
    const random = new Random(seed);
    const counts = lengths.map((length) => Math.ceil(length / pageSize));
    const pageCount = counts.reduce((sum, count) => sum + count, 3);
    this.pageCounts = kinds.map(() => pageCount);
    this.#pageSize = pageSize;
    this.#kinds = kinds;
    this.#pages = kinds.map(() => {
      const numbers = Int32Array.from(random.permutation(pageCount));
      let next = 0;
      return counts.map((count) => numbers.subarray(next, (next += count)));
    });
  }

  /** The tables of a step whose sequences go from `firsts` to before `ends`; pages that it does not need are -1. */
  tables(sequences: readonly number[], firsts: readonly number[], ends: readonly number[]): PageTable[] {
    return this.#kinds.map(({ window = Infinity }, kind) => {
      const stride = 1 + Math.max(...ends.map((end) => Math.ceil(end / this.#pageSize)));
      const pages = new Int32Array(sequences.length * stride).fill(-1);
      sequences.forEach((sequence, s) => {
        const firstRead = Math.max(0, firsts[s] - window + 1);
        for (let p = Math.floor(firstRead / this.#pageSize); p * this.#pageSize < ends[s]; p++)
          pages[s * stride + p] = this.#pages[kind][sequence][p];
      });
      return { pages, stride };
    });
  }
}
