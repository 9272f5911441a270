import { seededWords } from "../support/seeded-random.ts";

/** Numbers for tests: the same for the same seed, on every machine. */
export class Random {
  /** A u32. */
  readonly word: () => number;

  constructor(seed: number) {
    this.word = seededWords(seed);
  }

  /** A whole number in [0, end). */
  below(end: number): number {
    return Math.floor((this.word() / 2 ** 32) * end);
  }

  /** In [0, 1). */
  uniform(): number {
    return this.word() / 2 ** 32;
  }

  /** Mean 0, deviation 1 (Box and Muller). */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
  }

  normals(count: number, deviation = 1): Float32Array {
    return Float32Array.from({ length: count }, () => this.normal() * deviation);
  }

  permutation(length: number): Uint32Array {
    const order = Uint32Array.from({ length }, (_, i) => i);
    for (let i = length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [order[i], order[j]] = [order[j], order[i]];
    }
    return order;
  }
}
