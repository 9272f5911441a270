import { asUint16, asUint32, bytesOf } from "../util/bytes.ts";
import { floatBytes, type FloatType } from "../weights/packed-weight.ts";

/**
 * Floats [rows][stride] as [columns][rows], of the first `columns` of each row: scales are kept by groups, and some files have
 * them by outputs, padded to a whole number of words.
 */
export function transposeFloats(
  bytes: Uint8Array,
  type: FloatType,
  { rows, columns, stride = columns }: { readonly rows: number; readonly columns: number; readonly stride?: number },
): Uint8Array {
  const source = floatBytes[type] === 4 ? asUint32(bytes) : asUint16(bytes);
  const found = floatBytes[type] === 4 ? new Uint32Array(rows * columns) : new Uint16Array(rows * columns);
  for (let column = 0, i = 0; column < columns; column++) {
    for (let row = 0, at = column; row < rows; row++, at += stride) found[i++] = source[at];
  }
  return bytesOf(found);
}
