import { OutOfMemoryError } from "../../util/errors.ts";
import { blockGrid } from "../../weights/blocks/block-grid.ts";
import { commonGroupSize } from "../../weights/mixed-groups.ts";
import type {
  AffineZeroWeight,
  BlockWeight,
  CodebookWeight,
  CodeOrder,
  DenseWeight,
  Float8Weight,
  MixedAffineWeight,
  PackedWeight,
  Sparse24Weight,
  ZeroOrder,
} from "../../weights/packed-weight.ts";
import { illegalPositions } from "../../weights/sparse-24.ts";
import { blockSpan, blockTypeCode } from "./block-types.ts";
import { codedForm, rowScales } from "./coded-weight.ts";
import type { CpuWeightShape } from "./cpu-weight.node.ts";
import { floatTypeCodes } from "./encode-program.ts";
import { activationSpan, roundedGroupSize, type LinearKernelName } from "./linear-kernels.ts";
import type { NativeDevice } from "./native-device.node.ts";
import type { NativeLibrary, Pointer } from "./native-library.node.ts";

/** FB_CODES_* of native/cpu/fewbit_cpu.h. */
const codeOrderCodes: Readonly<Record<CodeOrder, number>> = {
  "lsb-k": 0,
  "planar-k": 1,
  "lsb-rows": 2,
  "word-rows": 3,
  "byte-rows": 4,
  "awq-gemm": 5,
  "awq-gemv-fast": 6,
  marlin: 7,
};

/** FB_CODES_SPARSE_24: a scheme of its own in files. */
const sparse24Codes = 8;

/** FB_ZEROS_* of native/cpu/fewbit_cpu.h. */
const zeroOrderCodes: Readonly<Record<ZeroOrder, number>> = {
  "lsb-n": 0,
  "lsb-n-minus-one": 1,
  "lsb-n-minus-legacy": 2,
  bytes: 3,
};

/** Parts that become one weight: checked, of one scheme, stacked along the outputs. */
interface StackedParts<Part extends PackedWeight = PackedWeight> {
  readonly parts: readonly Part[];
  /** What errors call them. */
  readonly names: readonly string[];
  /** Of all of them together. */
  readonly shape: CpuWeightShape;
  readonly kernel: LinearKernelName;
}

/** Memory of the library in the layout of a kernel. */
export interface AllocatedWeight {
  /** 0n: there is no memory. */
  readonly pointer: Pointer;
  /** The file's bytes where the library reads those: they have to stay as long as the weight. */
  readonly borrowed?: Uint8Array;
  /** Brings the numbers in. Throws FormatError for positions that 2:4 does not have, OutOfMemoryError. */
  readonly fill: () => Promise<void>;
}

/** Makes room for parts in the layout that `kernel` reads. Touches none of it: what nobody fills costs no memory. */
export function allocateWeight(library: NativeLibrary, device: NativeDevice, stacked: StackedParts): AllocatedWeight {
  const { parts, kernel } = stacked;
  switch (parts[0].scheme) {
    case "dense":
      return kernel === "linear_rounded_int8"
        ? allocateRounded(library, device, { ...stacked, parts: ofScheme(parts, "dense") })
        : allocateDense(library, { ...stacked, parts: ofScheme(parts, "dense") });
    case "affine-zero":
    case "sparse-24":
      return allocateAffine(library, device, { ...stacked, parts: ofScheme(parts, "affine-zero", "sparse-24") });
    case "block":
      return allocateBlocks(library, device, { ...stacked, parts: ofScheme(parts, "block") });
    case "affine-mixed":
      return allocateMixed(library, device, { ...stacked, parts: ofScheme(parts, "affine-mixed") });
    case "float8":
    case "codebook":
      return allocateCoded(library, device, { ...stacked, parts: ofScheme(parts, "float8", "codebook") });
  }
}

function allocateDense(
  library: NativeLibrary,
  { parts, shape: { inFeatures, outFeatures } }: StackedParts<DenseWeight>,
): AllocatedWeight {
  const [{ type, values }] = parts;
  // One part stays where it is: an embedding that serves as head too would otherwise be in memory twice while it loads.
  const borrowed = parts.length === 1 ? values : null;
  const pointer = library.weightDense(inFeatures, outFeatures, floatTypeCodes[type], borrowed);
  if (borrowed !== null)
    return { pointer, borrowed, fill: async () => void (await library.enlargePages(borrowed, borrowed.byteLength)) };
  return {
    pointer,
    fill: () =>
      putEach(parts, (part, column) => library.weightPutDense(pointer, column, part.outFeatures, part.values)),
  };
}

function allocateRounded(
  library: NativeLibrary,
  device: NativeDevice,
  { parts, shape: { inFeatures, outFeatures } }: StackedParts<DenseWeight>,
): AllocatedWeight {
  const [{ type }] = parts;
  const groupSize = roundedGroupSize(inFeatures);
  const pointer = library.weightAffine({
    rowOrder: null,
    inFeatures,
    outFeatures,
    bits: 8,
    groupSize,
    scaleType: floatTypeCodes.f32,
    hasZeros: 0,
    span: groupSize,
    sparse: 0,
    divisor: 1,
  });
  const put = async ({ values, outFeatures: out }: DenseWeight, column: number): Promise<void> => {
    const isWhole = await device.run((at) =>
      library.weightPutRounded(at, pointer, column, out, floatTypeCodes[type], values),
    );
    if (isWhole === 0) throw new OutOfMemoryError("cpu: there is no memory to round a head with");
  };
  return { pointer, fill: () => putEach(parts, put) };
}

function allocateAffine(
  library: NativeLibrary,
  device: NativeDevice,
  { parts, names, kernel, shape: { inFeatures, outFeatures } }: StackedParts<AffineZeroWeight | Sparse24Weight>,
): AllocatedWeight {
  const [first] = parts;
  const { bits, groupSize, scaleType } = first;
  const { zeros, rowOrder, divisor } = first.scheme === "affine-zero" ? first : {};
  const pointer = library.weightAffine({
    rowOrder: rowOrder ?? null,
    inFeatures,
    outFeatures,
    bits,
    groupSize,
    scaleType: floatTypeCodes[scaleType],
    hasZeros: zeros === undefined ? 0 : 1,
    span: kernel === "linear_affine_int8" ? activationSpan(groupSize, inFeatures) : 0,
    sparse: first.scheme === "sparse-24" ? 1 : 0,
    divisor: divisor ?? 1,
  });
  const put = async (part: AffineZeroWeight | Sparse24Weight, column: number, index: number): Promise<void> => {
    const bytes = { ...affineBytes(part), column, outFeatures: part.outFeatures };
    const refused = await device.run((at) => library.weightPutAffine(at, pointer, bytes));
    if (refused >= 0) throw illegalPositions(refused, names[index]);
  };
  return { pointer, fill: () => putEach(parts, put) };
}

function allocateMixed(
  library: NativeLibrary,
  device: NativeDevice,
  { parts, kernel, shape: { inFeatures, outFeatures } }: StackedParts<MixedAffineWeight>,
): AllocatedWeight {
  const [first] = parts;
  const { groups, rowOrder } = first;
  const pointer = library.weightMixed({
    rowOrder: rowOrder ?? null,
    widths: Uint8Array.from(groups, ({ bits }) => bits),
    sizes: Int32Array.from(groups, ({ inputs }) => inputs),
    inFeatures,
    outFeatures,
    groups: groups.length,
    span: kernel === "linear_mixed_int8" ? activationSpan(commonGroupSize(first), inFeatures) : 0,
  });
  const put = (part: MixedAffineWeight, column: number): Promise<void> => {
    const { codes, scaleCodes, scaleMaxima, columns, outFeatures: out } = part;
    const bytes = { codes, scaleCodes, scaleMaxima, columns, column, outFeatures: out };
    return device.run((at) => library.weightPutMixed(at, pointer, bytes));
  };
  return { pointer, fill: () => putEach(parts, put) };
}

function allocateBlocks(
  library: NativeLibrary,
  device: NativeDevice,
  { parts, kernel, shape: { inFeatures, outFeatures } }: StackedParts<BlockWeight>,
): AllocatedWeight {
  const [{ type }] = parts;
  const magnitudes = blockGrid(type);
  const grid = magnitudes ? Int8Array.from(magnitudes) : null;
  const pointer = library.weightBlocks({
    grid,
    inFeatures,
    outFeatures,
    type: blockTypeCode(type),
    gridBytes: grid?.byteLength ?? 0,
    hasFactor: parts.some(({ factor }) => factor !== undefined) ? 1 : 0,
    span: kernel === "linear_blocks_int8" ? blockSpan(type) : 0,
  });
  const put = ({ outFeatures: out, blocks, factor = 1 }: BlockWeight, column: number): Promise<void> =>
    device.run((at) => library.weightPutBlocks(at, pointer, column, out, blocks, factor));
  return { pointer, fill: () => putEach(parts, put) };
}

function allocateCoded(
  library: NativeLibrary,
  device: NativeDevice,
  { parts, shape: { inFeatures, outFeatures } }: StackedParts<Float8Weight | CodebookWeight>,
): AllocatedWeight {
  const { form, table, scaleTable, groupSize, divides } = codedForm(parts[0]);
  const pointer = library.weightCoded({
    table,
    scaleTable: scaleTable ?? null,
    inFeatures,
    outFeatures,
    form,
    groupSize,
    divides: divides ? 1 : 0,
  });
  const put = (part: Float8Weight | CodebookWeight, column: number): Promise<void> => {
    const bytes = {
      codes: part.codes,
      scales: rowScales(part),
      swaps: part.scheme === "codebook" && part.evenNibble === "high" ? 1 : 0,
      column,
      outFeatures: part.outFeatures,
    };
    return device.run((at) => library.weightPutCoded(at, pointer, bytes));
  };
  return { pointer, fill: () => putEach(parts, put) };
}

/** The bytes of a part, and what native/cpu calls their orders. */
function affineBytes(part: AffineZeroWeight | Sparse24Weight) {
  const { codes, scales } = part;
  if (part.scheme === "sparse-24")
    return { codes, scales, positions: part.positions, zeros: null, codeOrder: sparse24Codes, zeroOrder: 0 };
  const { order, zeros } = part;
  return {
    codes,
    scales,
    positions: null,
    zeros: zeros?.bytes ?? null,
    codeOrder: codeOrderCodes[order],
    zeroOrder: zeroOrderCodes[zeros?.order ?? "lsb-n"],
  };
}

/** Puts the parts in one after the other, each at its column. */
async function putEach<Part extends PackedWeight>(
  parts: readonly Part[],
  put: (part: Part, column: number, index: number) => Promise<void>,
): Promise<void> {
  let column = 0;
  for (const [i, part] of parts.entries()) {
    await put(part, column, i);
    column += part.outFeatures;
  }
}

/** The parts of these schemes: all of them, since parts that become one weight have one scheme. */
function ofScheme<Scheme extends PackedWeight["scheme"]>(
  parts: readonly PackedWeight[],
  ...schemes: readonly Scheme[]
): readonly Extract<PackedWeight, { readonly scheme: Scheme }>[] {
  const isOne = (part: PackedWeight): part is Extract<PackedWeight, { readonly scheme: Scheme }> =>
    schemes.some((scheme) => scheme === part.scheme);
  return parts.filter(isOne);
}
