import type { BlockReader } from "./block-reader.ts";
import type { GridName } from "./grid-data.ts";
import { evenSigns, gridTable } from "./grid.ts";
import { halfAt, wordAt } from "./read-float.ts";

/**
 * 256 weights in 8 sub-blocks t of 32, these in runs l of 8 (or e of 4) that a grid's row gives the magnitudes of. Products are exact in
 * f32: an 11-bit factor, a 5-bit scale, a 6-bit magnitude.
 */

/** `lanes` weights: a grid's row times a scale; bit c of `signs` makes weight c negative. */
function putRow(
  grid: { readonly table: Float32Array; readonly lanes: number },
  row: number,
  signs: number,
  scale: number,
  values: Float32Array,
  to: number,
): void {
  for (let c = 0; c < grid.lanes; c++) {
    const magnitude = scale * grid.table[row * grid.lanes + c];
    values[to + c] = (signs >> c) & 1 ? -magnitude : magnitude;
  }
}

const eight = (name: GridName) => ({ table: gridTable(name), lanes: 8 });
const four = (name: GridName) => ({ table: gridTable(name), lanes: 4 });

/** Per sub-block four row codes of 8 bits and a word: 4 × 7 bits of signs, and the scale on top. */
const iq2xxs: BlockReader = (bytes, at, values, to) => {
  const grid = eight("iq2xxs");
  const d = halfAt(bytes, at);
  for (let t = 0; t < 8; t++) {
    const start = at + 2 + 8 * t;
    const word = wordAt(bytes, start + 4);
    const scale = (d * (0.5 + (word >>> 28))) / 4;
    for (let l = 0; l < 4; l++)
      putRow(grid, bytes[start + l], evenSigns((word >>> (7 * l)) & 127), scale, values, to + 32 * t + 8 * l);
  }
};

/** A nibble of scales for each 16 weights. */
const nibbleScale = (d: number, bytes: Uint8Array, at: number, t: number, l: number): number =>
  (d * (0.5 + ((bytes[at + t] >> (4 * (l >> 1))) & 15))) / 4;

/** Per run a 16-bit word: 9 bits of row code, 7 of signs. */
const iq2xs: BlockReader = (bytes, at, values, to) => {
  const grid = eight("iq2xs");
  const d = halfAt(bytes, at);
  for (let t = 0; t < 8; t++)
    for (let l = 0; l < 4; l++) {
      const start = at + 2 + 2 * (4 * t + l);
      const word = bytes[start] | (bytes[start + 1] << 8);
      const scale = nibbleScale(d, bytes, at + 66, t, l);
      putRow(grid, word & 511, evenSigns(word >> 9), scale, values, to + 32 * t + 8 * l);
    }
};

/** Row codes of 8 bits with 2 high bits elsewhere; a whole byte of signs. */
const iq2s: BlockReader = (bytes, at, values, to) => {
  const grid = eight("iq2s");
  const d = halfAt(bytes, at);
  for (let t = 0; t < 8; t++)
    for (let l = 0; l < 4; l++) {
      const row = bytes[at + 2 + 4 * t + l] | (((bytes[at + 66 + t] >> (2 * l)) & 3) << 8);
      const scale = nibbleScale(d, bytes, at + 74, t, l);
      putRow(grid, row, bytes[at + 34 + 4 * t + l], scale, values, to + 32 * t + 8 * l);
    }
};

/** As IQ2_XXS, with a row code for each 4 weights, and the words of signs behind all codes. */
const iq3xxs: BlockReader = (bytes, at, values, to) => {
  const grid = four("iq3xxs");
  const d = halfAt(bytes, at);
  for (let t = 0; t < 8; t++) {
    const word = wordAt(bytes, at + 66 + 4 * t);
    const scale = (d * (0.5 + (word >>> 28))) / 2;
    for (let e = 0; e < 8; e++) {
      const signs = evenSigns((word >>> (7 * (e >> 1))) & 127) >> (4 * (e % 2));
      putRow(grid, bytes[at + 2 + 8 * t + e], signs, scale, values, to + 32 * t + 4 * e);
    }
  }
};

/** Row codes of 8 bits and a ninth elsewhere; a byte of signs for each 8 weights; odd scales. */
const iq3s: BlockReader = (bytes, at, values, to) => {
  const grid = four("iq3s");
  const d = halfAt(bytes, at);
  for (let t = 0; t < 8; t++) {
    const scale = d * (1 + 2 * ((bytes[at + 106 + (t >> 1)] >> (4 * (t % 2))) & 15));
    for (let e = 0; e < 8; e++) {
      const row = bytes[at + 2 + 8 * t + e] | (((bytes[at + 66 + t] >> e) & 1) << 8);
      const signs = bytes[at + 74 + 4 * t + (e >> 1)] >> (4 * (e % 2));
      putRow(grid, row, signs, scale, values, to + 32 * t + 4 * e);
    }
  }
};

/** The grid holds -1, 0 and 1; every run is shifted by an eighth, up or down. */
function putTernary(row: number, shift: number, scale: number, values: Float32Array, to: number): void {
  const table = gridTable("iq1s");
  for (let c = 0; c < 8; c++) values[to + c] = scale * (table[8 * row + c] + shift);
}

/** Per sub-block a 16-bit word: 4 × 3 high bits of row codes, 3 bits of scale, and the shift's sign. */
const iq1s: BlockReader = (bytes, at, values, to) => {
  const d = halfAt(bytes, at);
  for (let t = 0; t < 8; t++) {
    const word = bytes[at + 34 + 2 * t] | (bytes[at + 35 + 2 * t] << 8);
    const scale = d * (2 * ((word >> 12) & 7) + 1);
    const shift = word & 0x8000 ? -0.125 : 0.125;
    for (let l = 0; l < 4; l++) {
      const row = bytes[at + 2 + 4 * t + l] | (((word >> (3 * l)) & 7) << 8);
      putTernary(row, shift, scale, values, to + 32 * t + 8 * l);
    }
  }
};

/** As IQ1_S in runs with a shift each, 3-bit scales for 16 weights, and the factor in the top nibbles of the scales' words. */
const iq1m: BlockReader = (bytes, at, values, to) => {
  const words = [0, 1, 2, 3].map((i) => bytes[at + 48 + 2 * i] | (bytes[at + 49 + 2 * i] << 8));
  const factorBits = words.reduce((bits, word, i) => bits | ((word >> 12) << (4 * i)), 0);
  const d = halfAt(Uint8Array.of(factorBits & 255, factorBits >> 8), 0);
  for (let run = 0; run < 32; run++) {
    const high = (bytes[at + 32 + (run >> 1)] >> (4 * (run % 2))) & 15;
    const pair = run >> 1;
    const scale = d * (2 * ((words[pair >> 2] >> (3 * (pair % 4))) & 7) + 1);
    const row = bytes[at + run] | ((high & 7) << 8);
    putTernary(row, high & 8 ? -0.125 : 0.125, scale, values, to + 8 * run);
  }
};

export const gridBlocks = {
  IQ1_S: iq1s,
  IQ1_M: iq1m,
  IQ2_XXS: iq2xxs,
  IQ2_XS: iq2xs,
  IQ2_S: iq2s,
  IQ3_XXS: iq3xxs,
  IQ3_S: iq3s,
} as const satisfies Record<string, BlockReader>;
