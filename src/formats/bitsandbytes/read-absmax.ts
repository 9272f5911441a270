import { asFloat32, bytesOf } from "../../util/bytes.ts";
import { FormatError } from "../../util/errors.ts";
import { quote } from "../../util/quote.ts";
import { requirePiece, requireTensor } from "../tensor-checks.ts";
import type { Pieces, TensorData } from "../weight-format.ts";
import type { QuantState } from "./quant-state.ts";

/**
 * The scales as f32. Doubly quantized ones are nested_quant_map[code] * nested_absmax[block] + nested_offset, rounded to f32 after the
 * product and after the sum. Throws FormatError for sizes that contradict each other.
 */
export function readAbsmax(
  module: string,
  absmax: TensorData,
  found: Pieces<TensorData>,
  nested: QuantState["nested"],
): Uint8Array {
  if (nested === undefined) {
    requireTensor(module, absmax, ["F32"], 1);
    return absmax.bytes;
  }
  requireTensor(module, absmax, ["U8"], 1);
  const codes = absmax.bytes;
  const outer = floats(module, found, "weight.nested_absmax", Math.ceil(codes.length / nested.blockSize));
  const table = floats(module, found, "weight.nested_quant_map", 256);
  const scales = new Float32Array(codes.length);
  for (let i = 0; i < codes.length; i++) {
    const product = Math.fround(table[codes[i]] * outer[Math.floor(i / nested.blockSize)]);
    scales[i] = product + nested.offset;
  }
  return bytesOf(scales);
}

function floats(module: string, found: Pieces<TensorData>, name: string, count: number): Float32Array {
  const tensor = requirePiece(module, name, found, "bitsandbytes");
  requireTensor(module, tensor, ["F32"], 1);
  const values = asFloat32(tensor.bytes);
  if (values.length !== count) {
    throw new FormatError(`${quote(module)}: ${name} has ${values.length} values where ${count} are needed`);
  }
  return values;
}
