import { bytesOf } from "../../util/bytes.ts";
import { float8Table } from "../../util/float8.ts";
import { groupCount, groupOfInput } from "../../weights/affine-groups.ts";
import { blockLayouts } from "../../weights/blocks/block-type.ts";
import { blockGrid } from "../../weights/blocks/block-grid.ts";
import { placeGroups } from "../../weights/mixed-groups.ts";
import {
  codeOrders,
  zeroOrders,
  type FloatType,
  type MixedAffineWeight,
  type PackedWeight,
} from "../../weights/packed-weight.ts";
import { RecordWriter, type DevicePointer } from "./record-writer.ts";

/** FloatType of native/cuda/params.h. */
export const floatTypeCodes: Readonly<Record<FloatType, number>> = { f32: 0, f16: 1, bf16: 2 };

/** ZeroOrder of params.h has one more than files have: every zero point is in the middle. */
const symmetricZeros = zeroOrders.length;

const partBytes = 96;

/** A weight's arrays, each with the place that it has in one piece of the device's memory, and the descriptor that names these. */
export interface WeightImage {
  /** Size of that piece. */
  readonly byteLength: number;
  readonly arrays: readonly PlacedArray[];
  /** Weight of native/cuda/params.h, once the piece has an address; at `descriptorAt`. */
  describe(base: DevicePointer): Uint8Array;
  readonly descriptorAt: number;
}

export interface PlacedArray {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** Arrays begin where 16-byte loads may, and a read of two bytes at the last one stays inside. */
const alignment = 256;

/** What a part is made of, in the terms of Part of params.h; absent numbers are 0. */
interface PartImage {
  readonly codes: Uint8Array;
  readonly scales?: Uint8Array | undefined;
  readonly zeros?: Uint8Array | undefined;
  readonly places?: Uint8Array | undefined;
  readonly table?: Float32Array | undefined;
  readonly scaleTable?: Float32Array | undefined;
  readonly order?: number;
  readonly zeroOrder?: number;
  readonly bits?: number;
  readonly scaleType?: number;
  readonly groupSize?: number;
  readonly stored?: number;
  readonly factor?: number | undefined;
  readonly hasFactor?: boolean;
  readonly groups?: number;
}

/** The parts of one weight as plain kernels read it: the file's own bytes. They have passed checkWeight and have one scheme. */
export function weightImage(parts: readonly PackedWeight[]): WeightImage {
  const arrays: PlacedArray[] = [];
  let end = 0;
  const place = (bytes: Uint8Array | undefined): number => {
    if (bytes === undefined) return -1;
    const at = end;
    arrays.push({ at, bytes });
    end = Math.ceil((at + bytes.length + 1) / alignment) * alignment;
    return at;
  };
  const placed = parts.map((part) => {
    const image = partImage(part);
    const { codes, scales, zeros, places, table, scaleTable } = image;
    const arraysOf = [codes, scales, zeros, places, table && bytesOf(table), scaleTable && bytesOf(scaleTable)];
    return { part, image, starts: arraysOf.map(place) };
  });
  const [{ inFeatures }] = parts;
  const outFeatures = parts.reduce((sum, part) => sum + part.outFeatures, 0);
  return {
    arrays,
    byteLength: end + 16 + partBytes * parts.length,
    descriptorAt: end,
    describe: (base) => {
      const record = new RecordWriter(16 + partBytes * parts.length).int(parts.length, inFeatures, outFeatures, 0);
      let column = 0;
      for (const { part, image, starts } of placed) {
        for (const at of starts) record.pointer(at < 0 ? 0n : base + BigInt(at));
        const {
          order = 0,
          zeroOrder = 0,
          bits = 0,
          scaleType = 0,
          groupSize = 0,
          stored = 0,
          factor,
          groups = 0,
        } = image;
        record.int(column, part.outFeatures, inFeatures, order, zeroOrder, bits, scaleType, groupSize, stored);
        record.float(factor ?? 1).int((image.hasFactor ?? factor !== undefined) ? 1 : 0, groups);
        column += part.outFeatures;
      }
      return record.bytes();
    },
  };
}

function partImage(part: PackedWeight): PartImage {
  const { inFeatures } = part;
  switch (part.scheme) {
    case "dense":
      return { codes: part.values, order: floatTypeCodes[part.type] };
    case "affine-zero": {
      const { codes, scales, zeros, bits, rowOrder, divisor } = part;
      return {
        codes,
        scales,
        zeros: zeros?.bytes,
        places: rowOrder && bytesOf(groupOfInput(part)),
        order: codeOrders.indexOf(part.order),
        zeroOrder: zeros === undefined ? symmetricZeros : zeroOrders.indexOf(zeros.order),
        bits,
        scaleType: floatTypeCodes[part.scaleType],
        groupSize: Math.min(part.groupSize, inFeatures),
        factor: divisor,
      };
    }
    case "affine-mixed":
      return {
        codes: part.codes,
        scales: part.scaleMaxima,
        zeros: part.scaleCodes,
        places: bytesOf(placesOf(part)),
        stored: part.columns,
      };
    case "block": {
      const { values, bytes } = blockLayouts[part.type];
      return {
        codes: part.blocks,
        table: blockGrid(part.type),
        order: Object.keys(blockLayouts).indexOf(part.type),
        groupSize: values,
        stored: bytes,
        factor: part.factor,
      };
    }
    case "sparse-24":
      return {
        codes: part.codes,
        scales: part.scales,
        zeros: part.positions,
        bits: part.bits,
        scaleType: floatTypeCodes[part.scaleType],
        groupSize: Math.min(part.groupSize, inFeatures),
      };
    case "float8": {
      const groupSize = Math.min(part.groupSize, inFeatures);
      return {
        codes: part.codes,
        scales: bytesOf(part.scales),
        table: float8Table(part.type),
        groupSize,
        stored: part.scaleRows,
        hasFactor: part.divides,
        groups: groupCount({ inFeatures, groupSize }),
      };
    }
    case "codebook":
      return {
        codes: part.codes,
        scales: part.scales,
        table: part.table,
        scaleTable: part.scaleTable,
        order: part.evenNibble === "high" ? 1 : 0,
        groupSize: part.groupSize,
      };
  }
}

/** Place of params.h for every input: its row in its group, the group's bits and first row of words, the group. */
function placesOf({ inFeatures, groups, rowOrder }: MixedAffineWeight): Int32Array {
  const places = new Int32Array(4 * inFeatures);
  placeGroups(groups).forEach(({ bits, inputs, firstRow, firstWord }, g) => {
    for (let row = 0; row < inputs; row++) {
      const input = rowOrder ? rowOrder[firstRow + row] : firstRow + row;
      places.set([row, bits, firstWord, g], 4 * input);
    }
  });
  return places;
}
