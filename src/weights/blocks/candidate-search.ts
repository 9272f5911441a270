/** Scales (and minima) that are tried for a group at once: as many as fill the registers of a vector unit. */
export const candidates = 16;

/**
 * What codes stand for before a scale: the integers `lowest` to `lowest + count - 1`, or, where `table` is given, its values, ascending,
 * whose sums are exact (small integers, or halves of them).
 */
export interface Levels {
  readonly lowest: number;
  readonly count: number;
  readonly table?: Float64Array;
}

/** Groups of `size` successive values, with 16 candidates each: value ≈ scale · level + minimum, the level nearest. */
export interface CandidateGroups {
  readonly values: Float32Array;
  readonly size: number;
  readonly levels: Levels;
  /** [group][candidate]; 0 stands for a group of equal values. */
  readonly scales: Float64Array;
  /** [group][candidate]; absent: 0. */
  readonly minima?: Float64Array;
}

/** One scale, and where there are minima one minimum, for each group. */
export interface ChosenGroups {
  readonly values: Float32Array;
  readonly size: number;
  readonly levels: Levels;
  readonly scales: Float64Array;
  readonly minima?: Float64Array;
}

/**
 * The inner loops of every encoder of blocks, on arrays, so that native code does the same without knowing any type of blocks. All is
 * computed in f64 in one order, by +, −, ×, ÷ and comparisons alone: implementations agree bit for bit.
 */
export interface CandidateSearch {
  /** errors[group][candidate] = Σ (scale · level + minimum − value)². */
  measure(groups: CandidateGroups, errors: Float64Array): Promise<void>;
  /**
   * Replaces each candidate by what fits its own levels best, by least squares. `minimaAtMostZero`: minima that would be positive are 0,
   * and the scale the best with it. A candidate all of whose levels are 0 (or equal, with minima) stays.
   */
  refit(groups: CandidateGroups, minimaAtMostZero: boolean): Promise<void>;
  /** codes[value] = index of its level. */
  encode(groups: ChosenGroups, codes: Uint8Array): Promise<void>;
}

/** Adding and subtracting it rounds a magnitude below 2^51 to the nearest integer, ties to even. */
const roundingBias = 1.5 * 2 ** 52;

/** The index of the level nearest to `x`; ties go to the even index of integers, to the lower of a table. */
function nearest(x: number, { lowest, count, table }: Levels): number {
  if (table !== undefined) {
    let index = 0;
    for (let j = 1; j < count; j++) if (x > (table[j - 1] + table[j]) / 2) index = j;
    return index;
  }
  const highest = lowest + count - 1;
  const clamped = x < lowest ? lowest : x > highest ? highest : x;
  return clamped + roundingBias - roundingBias - lowest;
}

/** The search in plain TypeScript: the twin of `native/cpu/search.c`, and what runs without it. */
export const plainSearch: CandidateSearch = {
  async measure({ values, size, levels, scales, minima }, errors) {
    const { lowest, table } = levels;
    for (let c = 0; c < scales.length; c++) {
      const start = Math.floor(c / candidates) * size;
      const scale = scales[c];
      const minimum = minima ? minima[c] : 0;
      const inverse = scale === 0 ? 0 : 1 / scale;
      let sum = 0;
      for (let i = start; i < start + size; i++) {
        const code = nearest((values[i] - minimum) * inverse, levels);
        const difference = scale * (table ? table[code] : code + lowest) + minimum - values[i];
        sum += difference * difference;
      }
      errors[c] = sum;
    }
  },

  async refit({ values, size, levels, scales, minima }, minimaAtMostZero) {
    const { lowest, table } = levels;
    for (let c = 0; c < scales.length; c++) {
      const start = Math.floor(c / candidates) * size;
      const minimum = minima ? minima[c] : 0;
      const inverse = scales[c] === 0 ? 0 : 1 / scales[c];
      let [x, l, ll, lx] = [0, 0, 0, 0];
      for (let i = start; i < start + size; i++) {
        const code = nearest((values[i] - minimum) * inverse, levels);
        const level = table ? table[code] : code + lowest;
        x += values[i];
        l += level;
        ll += level * level;
        lx += level * values[i];
      }
      if (minima !== undefined) {
        const determinant = size * ll - l * l;
        const fitted = (ll * x - l * lx) / determinant;
        if (determinant > 0 && !(minimaAtMostZero && fitted > 0)) {
          scales[c] = (size * lx - l * x) / determinant;
          minima[c] = fitted;
          continue;
        }
        if (determinant <= 0) continue;
        minima[c] = 0;
      }
      if (ll > 0) scales[c] = lx / ll;
    }
  },

  async encode({ values, size, levels, scales, minima }, codes) {
    for (let i = 0; i < values.length; i++) {
      const group = Math.floor(i / size);
      const inverse = scales[group] === 0 ? 0 : 1 / scales[group];
      codes[i] = nearest((values[i] - (minima ? minima[group] : 0)) * inverse, levels);
    }
  },
};
