import { asInt32, asUint32 } from "../../util/bytes.ts";
import { FormatError } from "../../util/errors.ts";
import { quote } from "../../util/quote.ts";
import { getCode } from "../../weights/lsb-stream.ts";
import type { PackedZeros } from "../../weights/packed-weight.ts";
import { symmetricZero } from "../../weights/zero-points.ts";
import { requireTensor, shapeText } from "../tensor-checks.ts";
import type { TensorData } from "../weight-format.ts";
import type { CompressedShapes } from "./read-shapes.ts";

/**
 * Zero points one a byte, [groups][outFeatures]; undefined: all are that of a symmetric weight. The file has them signed: packed as words
 * [words of N codes, G], a stream along n in every group, or one by one as the scales lie. Throws FormatError for other shapes, and for
 * zero points that no code can equal.
 */
export function readCompressedZeros(
  module: string,
  tensor: TensorData,
  shapes: CompressedShapes,
): PackedZeros | undefined {
  requireTensor(module, tensor, ["I32", "I8"], tensor.shape.length);
  const packedAs = tensor.dtype === "I32" ? packingOf(tensor, shapes) : undefined;
  const bytes = packedAs ? readPacked(tensor, shapes, packedAs) : readSigned(module, tensor, shapes);
  return bytes.every((zero) => zero === symmetricZero(shapes.bits)) ? undefined : { bytes, order: "bytes" };
}

/** One stream, or words of whole codes: as the codes are where either fits, for a writer packs both alike. */
function packingOf(
  { shape }: TensorData,
  { bits, order, outFeatures, groups }: CompressedShapes,
): "stream" | "words" | undefined {
  if (shape.length !== 2 || shape[1] !== groups) return undefined;
  const isStream = shape[0] === Math.ceil((outFeatures * bits) / 32);
  const isWords = shape[0] === Math.ceil(outFeatures / Math.floor(32 / bits));
  if (isWords && (order === "word-rows" || !isStream)) return "words";
  return isStream ? "stream" : undefined;
}

function readPacked(
  { bytes }: TensorData,
  { bits, outFeatures, groups }: CompressedShapes,
  packedAs: "stream" | "words",
): Uint8Array {
  const words = asUint32(bytes);
  const inWord = Math.floor(32 / bits);
  const zeros = new Uint8Array(groups * outFeatures);
  for (let g = 0, i = 0; g < groups; g++) {
    for (let n = 0; n < outFeatures; n++) {
      zeros[i++] =
        packedAs === "stream"
          ? getCode(words, bits, n, g, groups)
          : (words[Math.floor(n / inWord) * groups + g] >>> (bits * (n % inWord))) & (2 ** bits - 1);
    }
  }
  return zeros;
}

function readSigned(module: string, tensor: TensorData, { bits, outFeatures, groups }: CompressedShapes): Uint8Array {
  const { bytes } = tensor;
  const values =
    tensor.dtype === "I32" ? asInt32(bytes) : new Int8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (values.length !== outFeatures * groups && values.length !== 1) {
    throw new FormatError(
      `${quote(module)}: weight_zero_point ${shapeText(tensor)} is for other groups than ${groups} of ${outFeatures} outputs`,
    );
  }
  const zeros = new Uint8Array(groups * outFeatures);
  for (let g = 0, i = 0; g < groups; g++) {
    for (let n = 0; n < outFeatures; n++) {
      const value = values[values.length === 1 ? 0 : n * groups + g];
      const zero = value + symmetricZero(bits);
      if (zero < 0 || zero >= 2 ** bits) {
        throw new FormatError(
          `${quote(module)}: the zero point ${value} of group ${g}, output ${n} does not fit ${bits} bits`,
        );
      }
      zeros[i++] = zero;
    }
  }
  return zeros;
}
