import type { CacheSpec } from "../../device/program.ts";
import type { PageTable } from "../../device/step.ts";

/** Positions in a page: few, so that tests cross many borders. */
export const pageSize = 16;

/** Keys (after rotation) and values of one layer as f32 [page][k, v][kvHeads][pageSize][headDim]. */
export class PagedCache {
  readonly spec: CacheSpec;
  readonly values: Float32Array;

  constructor(spec: CacheSpec, pageCount: number) {
    this.spec = spec;
    this.values = new Float32Array((pageCount * pageBytes(spec)) / 4);
  }

  /** One head's key at a position of sequence `s`; shares memory with the cache. */
  key(table: PageTable, s: number, position: number, head: number): Float32Array {
    return this.#vector(table, s, position, head);
  }

  /** One head's value at a position of sequence `s`; shares memory with the cache. */
  value(table: PageTable, s: number, position: number, head: number): Float32Array {
    return this.#vector(table, s, position, this.spec.kvHeads + head);
  }

  #vector({ pages, stride }: PageTable, s: number, position: number, plane: number): Float32Array {
    const { kvHeads, headDim } = this.spec;
    const page = pages[s * stride + Math.floor(position / pageSize)];
    const start = ((page * 2 * kvHeads + plane) * pageSize + (position % pageSize)) * headDim;
    return this.values.subarray(start, start + headDim);
  }
}

/** Bytes of one page of keys and values. */
export function pageBytes({ kvHeads, headDim }: CacheSpec): number {
  return 2 * kvHeads * pageSize * headDim * Float32Array.BYTES_PER_ELEMENT;
}
