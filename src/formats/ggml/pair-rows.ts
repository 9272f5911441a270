import { FormatError } from "../../util/errors.ts";

/**
 * Brings the rows of a query or key projection from the order of rotated pairs, in place, to the order of rotated halves: within each
 * head of D rows, row 2p + a becomes row a · D/2 + p. llama.cpp's converter moves them the other way for the architectures that its rope
 * rotates in neighbours. Blocks lie along a row, so moving whole rows loses nothing.
 * `bytes` are `heads` heads of equally long rows. Throws FormatError where rows do not make pairs.
 */
export function pairsToHalves(bytes: Uint8Array, rows: number, heads: number): void {
  const headRows = rows / heads;
  if (!Number.isInteger(headRows / 2)) throw new FormatError(`${rows} rows do not make ${heads} heads of pairs`);
  const rowBytes = bytes.byteLength / rows;
  const old = new Uint8Array(headRows * rowBytes);
  for (let head = 0; head < heads; head++) {
    const moved = bytes.subarray(head * old.length, (head + 1) * old.length);
    old.set(moved);
    for (let row = 0; row < headRows; row++) {
      const target = (row % 2) * (headRows / 2) + (row >> 1);
      moved.set(old.subarray(row * rowBytes, (row + 1) * rowBytes), target * rowBytes);
    }
  }
}
