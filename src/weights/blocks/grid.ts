import { gridData, type GridName } from "./grid-data.ts";

const grids = new Map<GridName, Float32Array>();

/** The magnitudes of a grid, [row][lane]. Built on first use and shared: do not write to it. */
export function gridTable(name: GridName): Float32Array {
  let table = grids.get(name);
  if (table === undefined) {
    const { rows, lanes, values, bits, stream } = gridData[name];
    const bytes = Uint8Array.from(atob(stream), (char) => char.charCodeAt(0));
    table = Float32Array.from({ length: rows * lanes }, (_, i) => {
      const at = i * bits;
      const pair = bytes[at >> 3] | ((bytes[(at >> 3) + 1] ?? 0) << 8);
      return values[(pair >> (at & 7)) & ((1 << bits) - 1)];
    });
    grids.set(name, table);
  }
  return table;
}

/** A byte of signs from its lower seven bits: the number of negative weights is even, so the eighth follows. */
export function evenSigns(seven: number): number {
  let parity = seven;
  parity ^= parity >> 4;
  parity ^= parity >> 2;
  parity ^= parity >> 1;
  return seven | ((parity & 1) << 7);
}
