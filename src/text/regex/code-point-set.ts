export const maxCodePoint = 0x10ffff;

/** An immutable set of code points, surrogates included. */
export class CodePointSet {
  static readonly empty = new CodePointSet([]);
  static readonly all = new CodePointSet([0, maxCodePoint]);

  /** first, last, first, last, …: inclusive, ascending, and neither overlapping nor touching. */
  readonly ranges: readonly number[];
  #complement: CodePointSet | undefined;

  private constructor(ranges: readonly number[]) {
    this.ranges = ranges;
  }

  static of(...codePoints: readonly number[]): CodePointSet {
    return CodePointSet.fromRanges(codePoints.map((codePoint) => [codePoint, codePoint] as const));
  }

  /** Inclusive ranges in any order. */
  static fromRanges(ranges: readonly (readonly [first: number, last: number])[]): CodePointSet {
    const merged: number[] = [];
    for (const [first, last] of [...ranges].sort(([a], [b]) => a - b)) append(merged, first, last);
    return new CodePointSet(merged);
  }

  /** The only member, or undefined where there are none or several. */
  get single(): number | undefined {
    return this.ranges.length === 2 && this.ranges[0] === this.ranges[1] ? this.ranges[0] : undefined;
  }

  get isEmpty(): boolean {
    return this.ranges.length === 0;
  }

  /** How many code points it has. */
  get size(): number {
    let size = 0;
    for (let i = 0; i < this.ranges.length; i += 2) size += this.ranges[i + 1] - this.ranges[i] + 1;
    return size;
  }

  /** The code points, ascending. */
  *members(): Generator<number> {
    for (let i = 0; i < this.ranges.length; i += 2) {
      for (let codePoint = this.ranges[i]; codePoint <= this.ranges[i + 1]; codePoint++) yield codePoint;
    }
  }

  has(codePoint: number): boolean {
    let low = 0;
    let high = this.ranges.length >> 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (codePoint > this.ranges[2 * middle + 1]) low = middle + 1;
      else high = middle;
    }
    return 2 * low < this.ranges.length && codePoint >= this.ranges[2 * low];
  }

  union(other: CodePointSet): CodePointSet {
    if (this.isEmpty || this === other) return other;
    if (other.isEmpty) return this;
    const [a, b] = [this.ranges, other.ranges];
    const merged: number[] = [];
    for (let i = 0, j = 0; i < a.length || j < b.length;) {
      if (j >= b.length || (i < a.length && a[i] <= b[j])) {
        append(merged, a[i], a[i + 1]);
        i += 2;
      } else {
        append(merged, b[j], b[j + 1]);
        j += 2;
      }
    }
    return new CodePointSet(merged);
  }

  intersect(other: CodePointSet): CodePointSet {
    const [a, b] = [this.ranges, other.ranges];
    const common: number[] = [];
    for (let i = 0, j = 0; i < a.length && j < b.length;) {
      const first = Math.max(a[i], b[j]);
      const last = Math.min(a[i + 1], b[j + 1]);
      if (first <= last) common.push(first, last);
      if (a[i + 1] < b[j + 1]) i += 2;
      else j += 2;
    }
    return new CodePointSet(common);
  }

  /** The same object every time, so that those who know a set by its identity know this one too. */
  complement(): CodePointSet {
    if (this.#complement === undefined) {
      this.#complement = new CodePointSet(this.#gaps());
      this.#complement.#complement = this;
    }
    return this.#complement;
  }

  #gaps(): number[] {
    const rest: number[] = [];
    let next = 0;
    for (let i = 0; i < this.ranges.length; i += 2) {
      if (this.ranges[i] > next) rest.push(next, this.ranges[i] - 1);
      next = this.ranges[i + 1] + 1;
    }
    if (next <= maxCodePoint) rest.push(next, maxCodePoint);
    return rest;
  }

  minus(other: CodePointSet): CodePointSet {
    return this.intersect(other.complement());
  }
}

/** Ranges come by ascending first; one that overlaps or touches the last extends it. */
function append(ranges: number[], first: number, last: number): void {
  const end = ranges.length - 1;
  if (end >= 0 && first <= ranges[end] + 1) ranges[end] = Math.max(ranges[end], last);
  else ranges.push(first, last);
}
