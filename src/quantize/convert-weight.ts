import type { EncodedModule, EncodedTensor, WeightEncoder } from "../formats/weight-encoder.ts";
import { withBytes } from "../formats/weight-encoder.ts";
import { recogniseFormat } from "../formats/formats.ts";
import { affineForm, cutGroups } from "../weights/affine-form.ts";
import { blockLayouts } from "../weights/blocks/block-type.ts";
import { compareWeights, type Loss } from "../weights/compare-weights.ts";
import { dequantize } from "../weights/dequantize.ts";
import {
  describeSummary,
  summarize,
  type AffineBits,
  type AffineZeroWeight,
  type FloatType,
  type PackedWeight,
} from "../weights/packed-weight.ts";
import { roundToNearest, type RoundingOptions } from "../weights/round-to-nearest.ts";

/** What packed modules become: of a packed format, or floats. */
export interface Target {
  /** Absent: floats. */
  readonly encoder?: WeightEncoder;
  /** What floats become that are not copied. */
  readonly floats: FloatType;
}

/** How codes are to be, where the weight's own are not wanted; absent members: as the weight has it, or the format's best. */
export interface WantedRounding {
  readonly bits?: AffineBits;
  /** Infinity: one group. */
  readonly groupSize?: number;
  readonly symmetric?: boolean;
}

export interface ConvertWeightOptions {
  /** Cuts the groups to this size first, where it divides them, and rounds to it, where it divides the inputs. */
  readonly groupSize?: number;
  readonly rounding?: WantedRounding;
  /** Goes on where there is no exact form, with the nearest. */
  readonly requantize: boolean;
}

export interface ConvertedWeight {
  readonly tensors: readonly EncodedTensor[];
  /** As the target's config tells of it. */
  readonly packed: EncodedModule;
  /** Why there is no exact form; undefined: this is it. */
  readonly inexact?: string;
}

/** A module in the target's format, or, in a string, why it has none there. */
export function convertWeight(
  module: string,
  weight: PackedWeight,
  encoder: WeightEncoder,
  { groupSize, rounding = {}, requantize }: ConvertWeightOptions,
): ConvertedWeight | string {
  const exact = exactForm(weight, encoder, { ...rounding, ...(groupSize !== undefined && { groupSize }) });
  if (typeof exact !== "string") return encoded(module, exact, encoder);
  if (!requantize) return exact;
  const nearest = nearestForm(weight, encoder, groupSize, rounding);
  if (typeof nearest === "string") return nearest;
  const rounded = roundToNearest(dequantize(weight), weight.inFeatures, weight.outFeatures, nearest);
  const refusal = encoder.refuses(rounded);
  return refusal ?? { ...encoded(module, rounded, encoder), inexact: exact };
}

/** What a reader of the written tensors gets, held against the weight: undefined where every value is the same. Throws as decode does. */
export function lossOf(
  module: string,
  weight: PackedWeight,
  { tensors, packed }: ConvertedWeight,
  encoder: WeightEncoder,
): Loss | undefined {
  const written = withBytes(tensors);
  const format = recogniseFormat({
    declared: encoder.declare([packed], []),
    label: module,
    metadata: new Map(),
    tensors: written,
  });
  return compareWeights(
    format.decode(module, written, () => undefined),
    weight,
  );
}

function exactForm(weight: PackedWeight, encoder: WeightEncoder, wanted: WantedRounding): AffineZeroWeight | string {
  const affine = affineForm(weight);
  if (affine === undefined) return `is ${describeSummary(summarize(weight))}, ${whyNotAffine(weight, encoder)}`;
  const groupSize = wanted.groupSize === undefined ? undefined : Math.min(wanted.groupSize, affine.inFeatures);
  const isCut = groupSize !== undefined && affine.groupSize % groupSize === 0 && affine.inFeatures % groupSize === 0;
  const cut = isCut ? cutGroups(affine, groupSize) : affine;
  return encoder.refuses(cut) ?? differs(cut, { ...wanted, ...(groupSize !== undefined && { groupSize }) }) ?? cut;
}

function whyNotAffine(weight: PackedWeight, { name }: WeightEncoder): string {
  const isAffine = weight.scheme === "block" && /affine|two-level/.test(blockLayouts[weight.type].arithmetic);
  return isAffine
    ? `whose minima are no zero points: they lie between the multiples of its scales`
    : `which ${name} does not hold`;
}

/** What is not as it is wanted. */
function differs(weight: AffineZeroWeight, { bits, groupSize, symmetric }: WantedRounding): string | undefined {
  const found = summarize(weight);
  const isOther =
    (bits !== undefined && bits !== weight.bits) ||
    (groupSize !== undefined && groupSize !== weight.groupSize) ||
    (symmetric !== undefined && symmetric !== found.symmetric);
  return isOther ? `is ${describeSummary(found)}, not as it is wanted` : undefined;
}

function nearestForm(
  weight: PackedWeight,
  encoder: WeightEncoder,
  groupSize: number | undefined,
  { bits: wantedBits, symmetric }: WantedRounding,
): RoundingOptions | string {
  const { inFeatures, outFeatures } = weight;
  const own = summarize(weight);
  const bits = wantedBits ?? ownBits(own.bits);
  if (weight.scheme === "dense" && wantedBits === undefined)
    return `is ${describeSummary(own)}; say how many bits it is to have (--bits)`;
  const wantedGroup = Math.min(groupSize ?? own.groupSize ?? inFeatures, inFeatures);
  const nearest = encoder.nearest({ inFeatures, outFeatures, bits, groupSize: wantedGroup });
  if (typeof nearest === "string") return nearest;
  if (wantedBits !== undefined && nearest.bits !== wantedBits)
    return `cannot have ${wantedBits} bits in ${encoder.name}, whose nearest are ${nearest.bits}`;
  return {
    bits: nearest.bits,
    symmetric: symmetric ?? nearest.symmetric,
    groupSize: groupSize !== undefined && inFeatures % wantedGroup === 0 ? wantedGroup : nearest.groupSize,
  };
}

function ownBits(bits: number): AffineBits {
  return bits === 2 || bits === 3 || bits === 4 || bits === 5 || bits === 6 || bits === 7 ? bits : 8;
}

function encoded(module: string, weight: AffineZeroWeight, encoder: WeightEncoder): ConvertedWeight {
  return { tensors: encoder.encode(module, weight), packed: { name: module, ...summarize(weight) } };
}
