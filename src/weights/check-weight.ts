import { FormatError } from "../util/errors.ts";
import { groupCount } from "./affine-groups.ts";
import { blockLayouts } from "./blocks/block-type.ts";
import { codeBytes, codeOrderLimits } from "./code-order-limits.ts";
import { mixedBits, mixedWords } from "./mixed-groups.ts";
import {
  floatBytes,
  type AffineZeroWeight,
  type BlockWeight,
  type MixedAffineWeight,
  type CodebookWeight,
  type Float8Weight,
  type PackedWeight,
  type Sparse24Weight,
  type ZeroOrder,
} from "./packed-weight.ts";

/** What native code can index in a dimension. */
const maxFeatures = 2 ** 31 - 1;

/**
 * Refuses a weight whose parts contradict each other: shapes that are no positive integers or whose product is not
 * exact, bytes that are too few or too many, a row order that is no permutation. Formats call it on what they decode,
 * and backends before native code sees the bytes; of 2:4 weights they check the positions too (checkPositions). `where`
 * names the module in errors. Throws FormatError.
 */
export function checkWeight(weight: PackedWeight, where: string): void {
  const { inFeatures, outFeatures } = weight;
  checkInteger(inFeatures, 1, maxFeatures, `${where}: inFeatures`);
  checkInteger(outFeatures, 1, maxFeatures, `${where}: outFeatures`);
  if (!Number.isSafeInteger(inFeatures * outFeatures * 32)) {
    throw new FormatError(`${where}: ${inFeatures} × ${outFeatures} weights are more than can be addressed`);
  }
  switch (weight.scheme) {
    case "dense":
      checkBytes(weight.values, inFeatures * outFeatures * floatBytes[weight.type], `${where}: values`);
      break;
    case "sparse-24":
      checkSparse24(weight, where);
      break;
    case "affine-zero":
      checkAffineZero(weight, where);
      break;
    case "affine-mixed":
      checkMixedAffine(weight, where);
      break;
    case "block":
      checkBlocks(weight, where);
      break;
    case "float8":
      checkFloat8(weight, where);
      break;
    case "codebook":
      checkCodebook(weight, where);
  }
}

function checkAffineZero(weight: AffineZeroWeight, where: string): void {
  const { inFeatures, outFeatures, groupSize, zeros, rowOrder, divisor } = weight;
  checkInteger(groupSize, 1, inFeatures, `${where}: groupSize`);
  const groups = groupCount(weight);
  checkOrder(weight, where);
  checkBytes(weight.codes, codeBytes(weight), `${where}: codes`);
  checkBytes(weight.scales, groups * outFeatures * floatBytes[weight.scaleType], `${where}: scales`);
  if (zeros !== undefined) {
    checkBytes(zeros.bytes, zeroBytes(weight, zeros.order, groups, where), `${where}: zeros`);
  }
  if (rowOrder !== undefined) checkPermutation(rowOrder, inFeatures, `${where}: rowOrder`);
  if (divisor !== undefined && !(Number.isFinite(divisor) && divisor === Math.fround(divisor) && divisor !== 0)) {
    throw new FormatError(`${where}: the divisor is ${divisor}; it must be an f32 other than 0`);
  }
}

function checkMixedAffine(weight: MixedAffineWeight, where: string): void {
  const { inFeatures, outFeatures, groups, columns, rowOrder } = weight;
  checkInteger(columns, outFeatures, maxFeatures, `${where}: columns`);
  if (columns % 8 !== 0) throw new FormatError(`${where}: columns is ${columns}, no multiple of 8`);
  let rows = 0;
  groups.forEach(({ bits, inputs }, g) => {
    if (!mixedBits.includes(bits))
      throw new FormatError(`${where}: group ${g} has ${String(bits)} bit; accepted: ${mixedBits.join(", ")}`);
    checkInteger(inputs, 1, inFeatures, `${where}: the size of group ${g}`);
    rows += inputs;
  });
  if (rows !== inFeatures) throw new FormatError(`${where}: groups of ${rows} inputs for ${inFeatures} input features`);
  checkBytes(weight.codes, 4 * mixedWords(groups) * columns, `${where}: codes`);
  checkBytes(weight.scaleCodes, (groups.length * columns) / 2, `${where}: scaleCodes`);
  checkBytes(weight.scaleMaxima, 2 * groups.length, `${where}: scaleMaxima`);
  if (rowOrder !== undefined) checkPermutation(rowOrder, inFeatures, `${where}: rowOrder`);
}

function checkSparse24(weight: Sparse24Weight, where: string): void {
  const { inFeatures, outFeatures, bits, groupSize, positions } = weight;
  checkInteger(groupSize, 1, inFeatures, `${where}: groupSize`);
  if (inFeatures % 32 !== 0 || outFeatures % 64 !== 0) {
    throw new FormatError(`${where}: is ${inFeatures} → ${outFeatures}; 2:4 tiles have 32 inputs and 64 outputs`);
  }
  checkBytes(weight.codes, (inFeatures * outFeatures * bits) / 16, `${where}: codes`);
  checkBytes(positions, (inFeatures * outFeatures) / 8, `${where}: positions`);
  checkBytes(weight.scales, groupCount(weight) * outFeatures * floatBytes[weight.scaleType], `${where}: scales`);
}

function checkBlocks({ type, blocks, factor, inFeatures, outFeatures }: BlockWeight, where: string): void {
  const { values, bytes } = blockLayouts[type];
  if (inFeatures % values !== 0) {
    throw new FormatError(`${where}: ${inFeatures} input features are no whole number of ${type} blocks of ${values}`);
  }
  if (factor !== undefined && !Number.isFinite(factor)) throw new FormatError(`${where}: the factor is ${factor}`);
  checkBytes(blocks, outFeatures * (inFeatures / values) * bytes, `${where}: blocks`);
}

function checkFloat8(weight: Float8Weight, where: string): void {
  const { inFeatures, outFeatures, codes, scaleRows, groupSize, scales } = weight;
  checkInteger(groupSize, 1, inFeatures, `${where}: groupSize`);
  checkInteger(scaleRows, 1, outFeatures, `${where}: scaleRows`);
  checkBytes(codes, inFeatures * outFeatures, `${where}: codes`);
  checkCount(scales, Math.ceil(outFeatures / scaleRows) * groupCount(weight), `${where}: scales`);
}

function checkCodebook(weight: CodebookWeight, where: string): void {
  const { inFeatures, outFeatures, table, codes, groupSize, scales, scaleTable } = weight;
  if (inFeatures % 2 !== 0) {
    throw new FormatError(`${where}: ${inFeatures} input features of 4-bit codes are no whole number of bytes`);
  }
  checkInteger(groupSize, 1, inFeatures * outFeatures, `${where}: groupSize`);
  checkCount(table, 16, `${where}: the table`);
  checkBytes(codes, (inFeatures * outFeatures) / 2, `${where}: codes`);
  const scaleCount = Math.ceil((inFeatures * outFeatures) / groupSize);
  checkBytes(scales, scaleCount * (scaleTable ? 1 : floatBytes.f32), `${where}: scales`);
  if (scaleTable !== undefined) checkCount(scaleTable, 256, `${where}: the table of scales`);
}

function checkOrder({ order, bits, inFeatures, outFeatures }: AffineZeroWeight, where: string): void {
  const limits = codeOrderLimits(order, bits);
  if (!limits.bits.includes(bits))
    throw new FormatError(
      `${where}: the order ${order} holds codes of ${limits.bits.join(", ")} bit, these have ${bits}`,
    );
  checkMultiple(inFeatures, limits.inMultiple, order, bits, `${where}: inFeatures`);
  checkMultiple(outFeatures, limits.outMultiple, order, bits, `${where}: outFeatures`);
}

function checkMultiple(count: number, multiple: number, order: string, bits: number, what: string): void {
  if (count % multiple !== 0)
    throw new FormatError(
      `${what} is ${count}; ${bits}-bit codes in the order ${order} need a multiple of ${multiple}`,
    );
}

/** Bytes that zero points take in their order. Throws FormatError for a shape or width that the order cannot hold. */
function zeroBytes({ outFeatures, bits }: AffineZeroWeight, order: ZeroOrder, groups: number, where: string): number {
  switch (order) {
    case "lsb-n":
    case "lsb-n-minus-one":
    case "lsb-n-minus-legacy":
      if (order === "lsb-n-minus-legacy" && bits !== 3) {
        throw new FormatError(`${where}: legacy zero points exist with 3 bit only, these have ${bits}`);
      }
      if (order === "lsb-n-minus-one" && (bits === 5 || bits === 6 || bits === 7)) {
        throw new FormatError(`${where}: zero points less one exist with 2, 3, 4 and 8 bit, these have ${bits}`);
      }
      checkWholeWords(outFeatures, bits, `${where}: outFeatures`);
      return (groups * outFeatures * bits) / 8;
    case "bytes":
      return groups * outFeatures;
  }
}

function checkInteger(value: number, least: number, most: number, what: string): void {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new FormatError(`${what} is ${value}; it must be an integer from ${least} to ${most}`);
  }
}

function checkWholeWords(count: number, bits: number, what: string): void {
  if ((count * bits) % 32 !== 0) {
    throw new FormatError(`${what}: ${count} codes of ${bits} bit do not fill whole 32-bit words`);
  }
}

function checkBytes(bytes: Uint8Array, expected: number, what: string): void {
  if (bytes.byteLength !== expected) {
    throw new FormatError(`${what} take ${bytes.byteLength} bytes; the shape needs ${expected}`);
  }
}

function checkCount(values: Float32Array, expected: number, what: string): void {
  if (values.length !== expected)
    throw new FormatError(`${what}: ${values.length} values where ${expected} are needed`);
}

function checkPermutation(order: Uint32Array, length: number, what: string): void {
  if (order.length !== length)
    throw new FormatError(`${what} has ${order.length} entries for ${length} input features`);
  const seen = new Uint8Array(length);
  for (let r = 0; r < length; r++) {
    const k = order[r];
    if (k >= length) throw new FormatError(`${what}[${r}] is ${k}; there are ${length} input features`);
    if (seen[k] === 1) throw new FormatError(`${what} names input feature ${k} twice`);
    seen[k] = 1;
  }
}
