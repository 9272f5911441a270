import { FormatError, UnsupportedError } from "../../util/errors.ts";
import { quote } from "../../util/quote.ts";
import { affineBits, type AffineBits, type FloatType } from "../../weights/packed-weight.ts";
import { floatTypeOf } from "../float-type.ts";
import { requirePiece, requireTensor, shapeText, wordTypes } from "../tensor-checks.ts";
import type { Pieces, TensorHead } from "../weight-format.ts";
import type { GptqConfig } from "./parse-config.ts";

/** The tensors of a packed module X, by what follows "X." in their names. */
export interface GptqTensors<Tensor extends TensorHead> {
  readonly qweight: Tensor;
  readonly scales: Tensor;
  readonly qzeros: Tensor | undefined;
  /** The group of each input feature. */
  readonly gIdx: Tensor | undefined;
}

/** What the shapes of a module say, once they agree. */
export interface GptqShapes {
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly bits: AffineBits;
  readonly groups: number;
  readonly scaleType: FloatType;
  /** True: codes and zero points are in planes. Widths that are a plane by themselves are not. */
  readonly isPlanar: boolean;
}

export function gptqTensors<Tensor extends TensorHead>(module: string, pieces: Pieces<Tensor>): GptqTensors<Tensor> {
  return {
    qweight: requirePiece(module, "qweight", pieces, "GPTQ"),
    scales: requirePiece(module, "scales", pieces, "GPTQ"),
    qzeros: pieces.get(`${module}.qzeros`),
    gIdx: pieces.get(`${module}.g_idx`),
  };
}

/**
 * Reads a module's sizes off its shapes, and holds them against each other:
 *
 *     qweight [K * b / 32, N]   scales [G, N]   qzeros [G, N * b / 32]   g_idx [K]
 *
 * so that b follows from qzeros and N, or, when a symmetric checkpoint leaves qzeros out, from g_idx or the config.
 * Throws FormatError for shapes that contradict each other, UnsupportedError for packings that cannot be read.
 */
export function readShapes(module: string, tensors: GptqTensors<TensorHead>, config: GptqConfig): GptqShapes {
  const { qweight, scales, qzeros, gIdx } = tensors;
  const fail = (problem: string): never => {
    throw new FormatError(`${quote(module)}: ${problem}`);
  };
  requireTensor(module, qweight, wordTypes, 2);
  const scaleType = floatTypeOf(scales);
  if (scaleType === undefined) {
    throw new UnsupportedError(`${quote(module)}: scales hold ${scales.dtype}; F16, BF16 and F32 can be read`);
  }
  const [rows, outFeatures] = qweight.shape;
  const [groups, columns] = scales.shape;
  if (scales.shape.length !== 2 || (columns === 1 && outFeatures !== 1)) {
    throw new UnsupportedError(
      `${quote(module)}: scales have the shape ${shapeText(scales)}, as before AutoGPTQ; [groups, ${outFeatures}] can be read`,
    );
  }
  if (columns === 8 * outFeatures) fail("the shapes are those of AWQ, but the checkpoint declares GPTQ");
  if (columns !== outFeatures || groups < 1)
    fail(`qweight ${shapeText(qweight)} and scales ${shapeText(scales)} do not match`);
  if (gIdx) requireTensor(module, gIdx, wordTypes, 1);
  if (qzeros) {
    requireTensor(module, qzeros, wordTypes, 2);
    if (qzeros.shape[0] !== groups) fail(`qzeros ${shapeText(qzeros)} and scales ${shapeText(scales)} do not match`);
  } else if (!config.declaredSymmetric) {
    fail(`has no qzeros, and ${config.label} does not declare "sym": true`);
  }

  const bits = qzeros
    ? (32 * qzeros.shape[1]) / outFeatures
    : gIdx
      ? (32 * rows) / gIdx.shape[0]
      : (config.declaredGroups[0]?.bits ?? fail("has neither qzeros nor g_idx, nor does the config declare its bits"));
  const shapes = `qweight ${shapeText(qweight)}${qzeros ? `, qzeros ${shapeText(qzeros)}` : ""}${gIdx ? `, g_idx ${shapeText(gIdx)}` : ""}`;
  if (!isAffineBits(bits)) return fail(`${shapes} amount to ${bits} bit; 2 to 8 exist`);
  const inFeatures = (32 * rows) / bits;
  if (!Number.isInteger(inFeatures)) fail(`${shapes}: ${rows} rows of words hold no whole number of ${bits}-bit codes`);
  if ((inFeatures * bits) % 32 !== 0 || inFeatures < 1) fail(`${shapes}: an LSB stream must fill whole words`);
  const isPlanar = isPlanarWidth(bits) || (bits === 3 && config.convention === "gptq_p");
  if (isPlanar && (inFeatures % 32 !== 0 || outFeatures % 32 !== 0)) fail(`${shapes}: planes are of 32 codes`);
  if (gIdx && gIdx.shape[0] !== inFeatures) fail(`${shapes}: g_idx must have ${inFeatures} entries`);
  if (groups > inFeatures) fail(`scales ${shapeText(scales)} have more groups than the ${inFeatures} input features`);
  return { inFeatures, outFeatures, bits, groups, scaleType, isPlanar };
}

function isAffineBits(bits: number): bits is AffineBits {
  return affineBits.some((known) => known === bits);
}

/** Widths that planar GPTQ alone has, whatever the label says. */
function isPlanarWidth(bits: AffineBits): boolean {
  return bits === 5 || bits === 6 || bits === 7;
}
