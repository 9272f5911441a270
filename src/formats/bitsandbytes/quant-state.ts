import { FormatError, UnsupportedError } from "../../util/errors.ts";
import { parseJsonObject } from "../../util/json.ts";
import { quote } from "../../util/quote.ts";
import { ConfigFields } from "../config-fields.ts";
import type { TensorHead } from "../weight-format.ts";

/** What bitsandbytes writes of a 4-bit weight as JSON text into a tensor of bytes. */
export interface QuantState {
  readonly name: "nf4" | "fp4";
  readonly outFeatures: number;
  readonly inFeatures: number;
  /** Weights that share a scale, counted through all rows. */
  readonly blockSize: number;
  /** Of scales that are quantized themselves. */
  readonly nested?: { readonly blockSize: number; readonly offset: number };
}

/** Throws FormatError for what makes no sense, UnsupportedError for another codebook. */
export function parseQuantState(module: string, tensor: TensorHead): QuantState {
  const where = `${quote(module)}, ${quote(tensor.name)}`;
  if (tensor.dtype !== "U8" || tensor.bytes === undefined) {
    throw new FormatError(`${where}: holds ${tensor.dtype}; JSON text in U8 is expected`);
  }
  const fields = new ConfigFields(parseJsonObject(tensor.bytes, where), where);
  const name = fields.string("quant_type");
  if (name !== "nf4" && name !== "fp4") {
    throw new UnsupportedError(`${where}: the quant_type is ${quote(String(name))}; nf4 and fp4 can be read`);
  }
  const blockSize = fields.integer(1, "blocksize");
  const [outFeatures, inFeatures] = fields.integers(1, 2, "shape") ?? [];
  if (blockSize === undefined || inFeatures === undefined) throw new FormatError(`${where}: lacks blocksize or shape`);
  const nestedSize = fields.integer(1, "nested_blocksize");
  const offset = fields.get("nested_offset") ?? 0;
  if (typeof offset !== "number") throw new FormatError(`${where}: nested_offset is no number`);
  return {
    name,
    outFeatures,
    inFeatures,
    blockSize,
    ...(nestedSize !== undefined && { nested: { blockSize: nestedSize, offset: Math.fround(offset) } }),
  };
}
