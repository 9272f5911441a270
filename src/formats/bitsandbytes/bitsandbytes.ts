import { asFloat32 } from "../../util/bytes.ts";
import { FormatError, UnsupportedError } from "../../util/errors.ts";
import { quote } from "../../util/quote.ts";
import { checkWeight } from "../../weights/check-weight.ts";
import type { AffineZeroWeight, CodebookWeight } from "../../weights/packed-weight.ts";
import { requirePiece, requireTensor, shapeText } from "../tensor-checks.ts";
import type { Pieces, TensorData, TensorHead, WeightFormat } from "../weight-format.ts";
import { parseBitsAndBytesConfig, type BitsAndBytesConfig } from "./parse-config.ts";
import { parseQuantState } from "./quant-state.ts";
import { readAbsmax } from "./read-absmax.ts";

const statePieces = ["weight.quant_state.bitsandbytes__nf4", "weight.quant_state.bitsandbytes__fp4"] as const;
const pieces = [
  "weight",
  "weight.absmax",
  "weight.quant_map",
  "weight.nested_absmax",
  "weight.nested_quant_map",
  ...statePieces,
  "SCB",
  "weight_format",
] as const;
const marks = [".weight.absmax", ".SCB"] as const;

/** The largest magnitude of an int8 row is stored as this code. */
const int8Steps = 127;

/**
 * bitsandbytes. In 4 bit: w = quant_map[code] * absmax[block], blocks counted through all rows, the even weight in a byte's high nibble. In
 * 8 bit (LLM.int8): w[n][k] = f32(code * SCB[n]) / 127; the columns that it multiplies in 16 bit are chosen by activations, none is stored.
 */
export const bitsandbytes: WeightFormat<BitsAndBytesConfig> = {
  name: "bitsandbytes",
  title: "bitsandbytes",
  recognise: parseBitsAndBytesConfig,
  markedModule(tensor) {
    const mark = marks.find((ending) => tensor.endsWith(ending));
    return mark && tensor.slice(0, -mark.length);
  },
  pieceNames: (module) => pieces.map((name) => `${module}.${name}`),
  isReadFirst: (tensor) => statePieces.some((name) => tensor.endsWith(`.${name}`)),
  notes: ({ notes }) => notes,

  describe(module, found) {
    if (found.has(`${module}.SCB`)) {
      const [outFeatures, inFeatures] = int8Codes(module, found).shape;
      return { scheme: "affine-zero", inFeatures, outFeatures, bits: 8, groupSize: inFeatures };
    }
    const { inFeatures, outFeatures, blockSize } = quantState(module, found);
    return { scheme: "codebook", inFeatures, outFeatures, bits: 4, groupSize: blockSize };
  },

  decode: (module, found) => (found.has(`${module}.SCB`) ? decodeInt8(module, found) : decode4Bit(module, found)),
};

function decode4Bit(module: string, found: Pieces<TensorData>): CodebookWeight {
  const { name, inFeatures, outFeatures, blockSize, nested } = quantState(module, found);
  const codes = requirePiece(module, "weight", found, "bitsandbytes");
  const absmax = requirePiece(module, "weight.absmax", found, "bitsandbytes");
  const table = requirePiece(module, "weight.quant_map", found, "bitsandbytes");
  requireTensor(module, table, ["F32"], 1);
  const weight: CodebookWeight = {
    scheme: "codebook",
    inFeatures,
    outFeatures,
    name,
    table: asFloat32(table.bytes),
    codes: codes.bytes, // of any dtype: bnb_4bit_quant_storage only names them otherwise
    evenNibble: "high",
    // A weight of less than a block is one.
    groupSize: Math.min(blockSize, inFeatures * outFeatures),
    scales: readAbsmax(module, absmax, found, nested),
  };
  checkWeight(weight, quote(module));
  return weight;
}

function decodeInt8(module: string, found: Pieces<TensorData>): AffineZeroWeight {
  const codes = int8Codes(module, found);
  const scales = requirePiece(module, "SCB", found, "bitsandbytes");
  requireTensor(module, scales, ["F32"], 1);
  const layout = found.get(`${module}.weight_format`)?.bytes[0] ?? 0;
  if (layout !== 0) {
    throw new UnsupportedError(
      `${quote(module)}: weight_format is ${layout}, a tiled layout of old GPUs; 0 (row) can be read`,
    );
  }
  const [outFeatures, inFeatures] = codes.shape;
  const weight: AffineZeroWeight = {
    scheme: "affine-zero",
    inFeatures,
    outFeatures,
    bits: 8,
    groupSize: inFeatures,
    codes: codes.bytes,
    order: "byte-rows",
    scales: scales.bytes,
    scaleType: "f32",
    divisor: int8Steps,
  };
  checkWeight(weight, quote(module));
  return weight;
}

function int8Codes<Tensor extends TensorHead>(module: string, found: Pieces<Tensor>): Tensor {
  const codes = requirePiece(module, "weight", found, "bitsandbytes");
  requireTensor(module, codes, ["I8"], 2);
  return codes;
}

function quantState(module: string, found: Pieces<TensorHead>) {
  const states = statePieces.flatMap((name) => found.get(`${module}.${name}`) ?? []);
  if (states.length !== 1) {
    throw new FormatError(
      `${quote(module)}: has ${states.length} tensors of weight.quant_state.bitsandbytes__nf4 and …__fp4; exactly one says its shape`,
    );
  }
  const state = parseQuantState(module, states[0]);
  const codes = requirePiece(module, "weight", found, "bitsandbytes");
  if (
    codes.shape.length === 2 &&
    codes.dtype === "U8" &&
    2 * codes.shape[0] * codes.shape[1] !== state.inFeatures * state.outFeatures
  ) {
    throw new FormatError(
      `${quote(module)}: weight ${shapeText(codes)} does not hold the [${state.outFeatures}, ${state.inFeatures}] 4-bit codes of its quant_state`,
    );
  }
  return state;
}
