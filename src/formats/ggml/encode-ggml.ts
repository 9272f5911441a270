import { unpackCodes } from "../../weights/affine-codes.ts";
import { affineForm, scalesAsHalves, zeroPoints } from "../../weights/affine-form.ts";
import { blockLayouts, isBlockType } from "../../weights/blocks/block-type.ts";
import type { CandidateSearch } from "../../weights/blocks/candidate-search.ts";
import { affineLevels, packAffineBlocks } from "../../weights/blocks/encode-affine.ts";
import { encodeBlocks, type WrittenBlockType } from "../../weights/blocks/encode-blocks.ts";
import { compareWeights, type Loss } from "../../weights/compare-weights.ts";
import { dequantizeRows } from "../../weights/dequantize.ts";
import { floatValues } from "../../weights/float-values.ts";
import { describeSummary, floatBytes, summarize } from "../../weights/packed-weight.ts";
import type { AffineZeroWeight, BlockWeight, DenseWeight, PackedWeight } from "../../weights/packed-weight.ts";
import { floatToHalf, halfToFloat } from "../../util/float16.ts";
import { storeFloats } from "../store-floats.ts";
import { floatsOf, isGgufType, typeOfFloats, type GgufType } from "./gguf-type.ts";

/** A weight as GGUF holds it, rows in the model's order. */
export interface GgmlForm {
  readonly type: GgufType;
  readonly bytes: Uint8Array;
  /** What it costs; undefined: every value is the same. */
  readonly loss?: Loss;
}

export interface GgmlFormOptions {
  /** Absent: the smallest that holds the weight exactly, or, if `requantize`, the nearest of as many bits. */
  readonly type?: GgufType;
  /** Goes on where values change. */
  readonly requantize: boolean;
  readonly search: CandidateSearch;
}

/** The types whose blocks are codes and f16 scales, smallest first. */
const affineTypes = ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"] as const;

/** What K-quants become whose blocks do not divide a row, as llama.cpp chooses. */
const shorterBlocks: Readonly<Partial<Record<GgufType, GgufType>>> = {
  Q2_K: "Q4_0",
  Q3_K: "Q4_0",
  TQ1_0: "Q4_0",
  TQ2_0: "Q4_0",
  Q4_K: "Q5_0",
  Q5_K: "Q5_1",
  Q6_K: "Q8_0",
  NVFP4: "MXFP4",
};

/** The type itself, or, where rows are no whole number of its blocks, the next that fits: in the end F16. */
function fittingType(type: GgufType, inFeatures: number): GgufType {
  if (!isBlockType(type) || inFeatures % blockLayouts[type].values === 0) return type;
  const shorter = shorterBlocks[type];
  return shorter === undefined ? "F16" : fittingType(shorter, inFeatures);
}

/** The weight in a type of GGUF, or, in a string, why there is none. */
export async function ggmlForm(weight: PackedWeight, options: GgmlFormOptions): Promise<GgmlForm | string> {
  const { type, requantize, search } = options;
  const kept = asStored(weight, type);
  if (kept !== undefined) return kept;
  const affine = affineForm(weight);
  const exact = affine && exactBlocks(affine, type);
  if (exact !== undefined && compareWeights(weightOf(weight, exact), weight) === undefined) return exact;
  const nearest = fittingType(type ?? nearestType(weight), weight.inFeatures);
  // Blocks may be exact in others that the forms above do not come to: ternary ones in ternary ones.
  if (!requantize && affine !== undefined && weight.scheme !== "block" && isBlockType(nearest))
    return refusal(weight, type);
  const form: GgmlForm = { type: nearest, bytes: await encodeRows(weight, nearest, search) };
  const loss = compareWeights(weightOf(weight, form), weight);
  if (loss === undefined) return form;
  return requantize ? { ...form, loss } : refusal(weight, type);
}

/** Floats and blocks that are of the type already. */
function asStored(weight: PackedWeight, type: GgufType | undefined): GgmlForm | undefined {
  if (weight.scheme === "dense") {
    const own = typeOfFloats(weight.type);
    return type === undefined || type === own ? { type: own, bytes: weight.values } : undefined;
  }
  if (weight.scheme !== "block" || weight.factor !== undefined || !isGgufType(weight.type)) return undefined;
  return type === undefined || type === weight.type ? { type: weight.type, bytes: weight.blocks } : undefined;
}

function refusal(weight: PackedWeight, type: GgufType | undefined): string {
  const summary = describeSummary(summarize(weight));
  if (type !== undefined) return `is ${summary}, which ${type} does not hold exactly`;
  return `is ${summary}, which no type of GGUF with codes holds exactly (--type F32 does)`;
}

/** Of as many bits, where there is no exact one. */
function nearestType(weight: PackedWeight): GgufType {
  const { bits } = summarize(weight);
  if (weight.scheme === "codebook" && weight.name === "e2m1") return weight.groupSize === 16 ? "NVFP4" : "MXFP4";
  if (weight.scheme === "block" && /^Q[458]_[01]_V/.test(weight.type)) return weight.type.slice(0, 4) as GgufType;
  if (bits <= 2) return "Q2_K";
  if (bits <= 3) return "Q3_K";
  if (bits <= 4) return "Q4_K";
  if (bits <= 5) return "Q5_K";
  return bits <= 6 ? "Q6_K" : "Q8_0";
}

/** Codes and scales moved into blocks of the type, or of the first that they fit into; undefined: they fit into none. */
function exactBlocks(weight: AffineZeroWeight, wanted: GgufType | undefined): GgmlForm | undefined {
  const { inFeatures, groupSize, rowOrder } = weight;
  const isAligned = inFeatures % 32 === 0 && (groupSize >= inFeatures || groupSize % 32 === 0);
  const halves = scalesAsHalves(weight);
  if (!isAligned || rowOrder !== undefined || halves === undefined) return undefined;
  const parts = partsOfBlocks(weight, halves);
  for (const type of affineTypes) {
    if (wanted !== undefined && wanted !== type) continue;
    const bytes = type === "Q4_1" || type === "Q5_1" ? addedBlocks(type, parts) : signedBlocks(type, parts);
    if (bytes !== undefined) return { type, bytes };
  }
  return undefined;
}

/** By blocks of 32 inputs, output by output. */
interface BlockParts {
  readonly codes: Uint8Array;
  readonly scales: Float64Array;
  readonly zeros: Uint8Array;
}

function partsOfBlocks(weight: AffineZeroWeight, halves: Uint8Array): BlockParts {
  const { inFeatures, outFeatures, groupSize } = weight;
  const ofGroups = floatValues(halves, "f16");
  const zerosOfGroups = zeroPoints(weight);
  const perRow = inFeatures / 32;
  const scales = new Float64Array(outFeatures * perRow);
  const zeros = new Uint8Array(scales.length);
  for (let n = 0, i = 0; n < outFeatures; n++) {
    for (let b = 0; b < perRow; b++, i++) {
      const group = Math.floor((32 * b) / groupSize) * outFeatures + n;
      scales[i] = ofGroups[group];
      zeros[i] = zerosOfGroups[group];
    }
  }
  return { codes: unpackCodes(weight), scales, zeros };
}

/** Codes less their zero points, where the type's levels have all of them. */
function signedBlocks(type: "Q4_0" | "Q5_0" | "Q8_0", { codes, scales, zeros }: BlockParts): Uint8Array | undefined {
  const { lowest, count } = affineLevels(type);
  const indices = new Uint8Array(codes.length);
  for (let i = 0; i < codes.length; i++) {
    const index = codes[i] - zeros[i >> 5] - lowest;
    if (index < 0 || index >= count) return undefined;
    indices[i] = index;
  }
  return packAffineBlocks(type, indices, scales);
}

/** Codes as they are, with −zero · scale as the minimum, where an f16 holds it. */
function addedBlocks(type: "Q4_1" | "Q5_1", { codes, scales, zeros }: BlockParts): Uint8Array | undefined {
  const { count } = affineLevels(type);
  const minima = scales.map((scale, i) => -zeros[i] * scale);
  if (minima.some((minimum) => halfToFloat(floatToHalf(minimum)) !== minimum)) return undefined;
  if (codes.some((code) => code >= count)) return undefined;
  return packAffineBlocks(type, codes, scales, minima);
}

/** Values in f32 at a time. */
const chunkValues = 2 ** 24;

async function encodeRows(weight: PackedWeight, type: GgufType, search: CandidateSearch): Promise<Uint8Array> {
  const { inFeatures, outFeatures } = weight;
  const floats = floatsOf(type);
  const rowBytes =
    floats === undefined
      ? (inFeatures / blockLayouts[type as WrittenBlockType].values) * blockLayouts[type as WrittenBlockType].bytes
      : inFeatures * floatBytes[floats];
  const bytes = new Uint8Array(outFeatures * rowBytes);
  const rows = Math.max(1, Math.floor(chunkValues / inFeatures));
  for (let start = 0; start < outFeatures; start += rows) {
    const values = dequantizeRows(weight, start, Math.min(start + rows, outFeatures));
    const encoded =
      floats === undefined ? await encodeBlocks(type as WrittenBlockType, values, search) : storeFloats(values, floats);
    bytes.set(encoded, start * rowBytes);
  }
  return bytes;
}

function weightOf(
  { inFeatures, outFeatures }: PackedWeight,
  { type, bytes }: Pick<GgmlForm, "type" | "bytes">,
): DenseWeight | BlockWeight {
  const floats = floatsOf(type);
  return floats === undefined
    ? { scheme: "block", inFeatures, outFeatures, type: type as WrittenBlockType, blocks: bytes }
    : { scheme: "dense", inFeatures, outFeatures, type: floats, values: bytes };
}
