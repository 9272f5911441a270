import type { CodePointSet } from "./code-point-set.ts";

/** Code points below this are looked up in one array of bytes. */
export const lowCodePoints = 256;

/** Properties are the same sets in all patterns. */
const known = new WeakMap<CodePointSet, CharTable>();

/** A set of code points made for look-up: pages of 256 bits, equal pages stored once. */
export class CharTable {
  /** Index of a page by code point / 256; beyond the last one, everything is as `#rest` says. */
  readonly #pages: Uint16Array;
  readonly #bits: Uint32Array;
  readonly #rest: boolean;

  static of(set: CodePointSet): CharTable {
    let table = known.get(set);
    if (table === undefined) {
      table = new CharTable(set);
      known.set(set, table);
    }
    return table;
  }

  private constructor(set: CodePointSet) {
    const { ranges } = set;
    this.#rest = ranges.at(-1) === 0x10ffff;
    const lastBorder = this.#rest ? (ranges.at(-2) ?? 0) : (ranges.at(-1) ?? -1) + 1;
    this.#pages = new Uint16Array((lastBorder + 255) >> 8);
    const bits: number[] = [];
    const byContent = new Map<string, number>();
    for (let page = 0, at = 0; page < this.#pages.length; page++) {
      const words = new Uint32Array(8);
      const end = (page + 1) << 8;
      for (let i = at; i < ranges.length && ranges[i] < end; i += 2) {
        const last = Math.min(ranges[i + 1], end - 1);
        for (let c = Math.max(ranges[i], page << 8); c <= last; c++) words[(c >> 5) & 7] |= 1 << (c & 31);
        if (ranges[i + 1] < end) at = i + 2;
      }
      const content = words.join();
      let index = byContent.get(content);
      if (index === undefined) {
        index = byContent.size;
        byContent.set(content, index);
        bits.push(...words);
      }
      this.#pages[page] = index;
    }
    this.#bits = Uint32Array.from(bits);
  }

  has(codePoint: number): boolean {
    const page = codePoint >> 8;
    if (page >= this.#pages.length) return this.#rest;
    return ((this.#bits[(this.#pages[page] << 3) | ((codePoint >> 5) & 7)] >>> (codePoint & 31)) & 1) !== 0;
  }
}
