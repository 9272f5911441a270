import { FormatError } from "../../util/errors.ts";

/**
 * Brings the rows of a query or key projection from the order of rotated pairs, in place, to the order of rotated halves: within each
 * head of D rows, row 2p + a becomes row a · D/2 + p. llama.cpp's converter moves them the other way for the architectures that its rope
 * rotates in neighbours. Blocks lie along a row, so moving whole rows loses nothing.
 * `bytes` are `heads` heads of equally long rows. Throws FormatError where rows do not make pairs.
 */
export function pairsToHalves(bytes: Uint8Array, rows: number, heads: number): void {
  moveRows(bytes, rows, heads, (row, half) => (row % 2) * half + (row >> 1));
}

/** The inverse of `pairsToHalves`: what llama.cpp's converter does. */
export function halvesToPairs(bytes: Uint8Array, rows: number, heads: number): void {
  moveRows(bytes, rows, heads, (row, half) => 2 * (row % half) + (row < half ? 0 : 1));
}

/** Within each head, row r goes to `target`. */
function moveRows(bytes: Uint8Array, rows: number, heads: number, target: (row: number, half: number) => number): void {
  const headRows = rows / heads;
  if (!Number.isInteger(headRows / 2)) throw new FormatError(`${rows} rows do not make ${heads} heads of pairs`);
  const rowBytes = bytes.byteLength / rows;
  const old = new Uint8Array(headRows * rowBytes);
  for (let head = 0; head < heads; head++) {
    const moved = bytes.subarray(head * old.length, (head + 1) * old.length);
    old.set(moved);
    for (let row = 0; row < headRows; row++) {
      const to = target(row, headRows / 2);
      moved.set(old.subarray(row * rowBytes, (row + 1) * rowBytes), to * rowBytes);
    }
  }
}
