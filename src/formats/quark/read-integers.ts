import { floatBytes, type AffineZeroWeight, type FloatType } from "../../weights/packed-weight.ts";
import { readGemmZeros } from "../awq/read-zeros.ts";
import type { TensorData } from "../weight-format.ts";
import type { IntegerTensors } from "./read-shapes.ts";

/** One for all becomes one for each. */
export function readScales({ bytes }: TensorData, type: FloatType, count: number): Uint8Array {
  const width = floatBytes[type];
  if (bytes.length !== width) return bytes;
  const scales = new Uint8Array(count * width);
  for (let at = 0; at < scales.length; at += width) scales.set(bytes, at);
  return scales;
}

/** Signed, one for all or for each output. Codes are read with 128 added, and so are these. */
export function readZeros8(tensor: TensorData | undefined, outFeatures: number): Pick<AffineZeroWeight, "zeros"> {
  const stored = tensor?.bytes ?? [];
  if (stored.every((zero) => zero === 0)) return {};
  const bytes = Uint8Array.from({ length: outFeatures }, (_, n) => stored[stored.length === 1 ? 0 : n] ^ 0x80);
  return { zeros: { bytes, order: "bytes" } };
}

/** With a sign, codes and zero points both get 8 added, which turns the highest bit of each. */
export function readPacked4(
  { codes, zeroPoint }: IntegerTensors<TensorData>,
  isSigned: boolean,
): Pick<AffineZeroWeight, "codes" | "zeros"> {
  const unsigned = ({ bytes }: TensorData): Uint8Array => (isSigned ? bytes.map((byte) => byte ^ 0x88) : bytes);
  const zeros = zeroPoint && readGemmZeros(unsigned(zeroPoint));
  const areMiddle = zeros === undefined || zeros.every((zero) => zero === 8);
  return { codes: unsigned(codes), ...(!areMiddle && { zeros: { bytes: zeros, order: "bytes" } }) };
}
