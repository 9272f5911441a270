import { createRequire } from "node:module";
import type * as Koffi from "koffi";
import { UnsupportedError } from "../../util/errors.ts";
import { findLibrary, thisPlace } from "./find-library.node.ts";

/** An address in the library's memory; 0n is none. */
export type Pointer = bigint;

/** An argument that the library reads or writes in place: the memory of a typed array, or nothing. */
type Memory = NodeJS.TypedArray | null;

/** Runs on a thread of the pool that Node keeps for such work, so that the event loop goes on. */
type Async<Arguments extends unknown[], Result> = (...values: Arguments) => Promise<Result>;

/** fb_affine_shape of native/cpu/fewbit_cpu.h, in its order. */
const affineShape = {
  rowOrder: "void *",
  inFeatures: "int32",
  outFeatures: "int32",
  bits: "int32",
  groupSize: "int32",
  scaleType: "int32",
  hasZeros: "int32",
  span: "int32",
  sparse: "int32",
  divisor: "float",
} as const;

/** fb_affine_part of native/cpu/fewbit_cpu.h, in its order. */
const affinePart = {
  codes: "void *",
  scales: "void *",
  zeros: "void *",
  positions: "void *",
  codeOrder: "int32",
  zeroOrder: "int32",
  column: "int32",
  outFeatures: "int32",
} as const;

/** fb_block_shape of native/cpu/fewbit_cpu.h, in its order. */
const blockShape = {
  grid: "void *",
  inFeatures: "int32",
  outFeatures: "int32",
  type: "int32",
  gridBytes: "int32",
  hasFactor: "int32",
  span: "int32",
} as const;

/** fb_mixed_shape of native/cpu/fewbit_cpu.h, in its order. */
const mixedShape = {
  rowOrder: "void *",
  widths: "void *",
  sizes: "void *",
  inFeatures: "int32",
  outFeatures: "int32",
  groups: "int32",
  span: "int32",
} as const;

/** fb_mixed_part of native/cpu/fewbit_cpu.h, in its order. */
const mixedPart = {
  codes: "void *",
  scaleCodes: "void *",
  scaleMaxima: "void *",
  columns: "int32",
  column: "int32",
  outFeatures: "int32",
} as const;

/** fb_coded_shape of native/cpu/fewbit_cpu.h, in its order. */
const codedShape = {
  table: "void *",
  scaleTable: "void *",
  inFeatures: "int32",
  outFeatures: "int32",
  form: "int32",
  groupSize: "int32",
  divides: "int32",
} as const;

/** fb_coded_part of native/cpu/fewbit_cpu.h, in its order. */
const codedPart = {
  codes: "void *",
  scales: "void *",
  swaps: "int32",
  column: "int32",
  outFeatures: "int32",
} as const;

/** fb_search of native/cpu/fewbit_cpu.h, in its order. */
const searchRecord = {
  values: "void *",
  scales: "void *",
  minima: "void *",
  errors: "void *",
  codes: "void *",
  table: "void *",
  groups: "int32",
  size: "int32",
  lowest: "int32",
  count: "int32",
  minimaAtMostZero: "int32",
} as const;

/** What such a structure takes: numbers, and memory that stays until the call has ended. */
type RecordOf<Members extends Readonly<Record<string, "void *" | "int32" | "float">>> = {
  readonly [Name in keyof Members]: Members[Name] extends "void *" ? Memory : number;
};

/** A type as koffi takes it: its name, or an object. */
type NativeType = string | ReturnType<typeof Koffi.struct>;

/** The functions of native/cpu/fewbit_cpu.h; that header says what they do. */
export interface NativeLibrary {
  readonly path: string;
  bestIsa(): string;
  hasIsa(isa: string): number;
  deviceOpen(threads: number, isa: string, shares: number): Pointer;
  deviceClose(device: Pointer): void;
  weightAffine(shape: RecordOf<typeof affineShape>): Pointer;
  weightPutAffine: Async<[device: Pointer, weight: Pointer, part: RecordOf<typeof affinePart>], number>;
  weightPutRounded: Async<
    [device: Pointer, weight: Pointer, column: number, outFeatures: number, type: number, values: Memory],
    number
  >;
  weightMixed(shape: RecordOf<typeof mixedShape>): Pointer;
  weightPutMixed: Async<[device: Pointer, weight: Pointer, part: RecordOf<typeof mixedPart>], void>;
  weightBlocks(shape: RecordOf<typeof blockShape>): Pointer;
  weightPutBlocks: Async<
    [device: Pointer, weight: Pointer, column: number, outFeatures: number, blocks: Memory, factor: number],
    void
  >;
  weightCoded(shape: RecordOf<typeof codedShape>): Pointer;
  weightPutCoded: Async<[device: Pointer, weight: Pointer, part: RecordOf<typeof codedPart>], void>;
  searchBlocks: Async<[device: Pointer, search: RecordOf<typeof searchRecord>], void>;
  weightDense(inFeatures: number, outFeatures: number, type: number, values: Memory): Pointer;
  weightPutDense: Async<[weight: Pointer, column: number, outFeatures: number, values: Memory], void>;
  enlargePages: Async<[bytes: Memory, length: number], number>;
  weightBytes(weight: Pointer): number;
  weightFree(weight: Pointer): void;
  executableOpen(device: Pointer, words: Memory, floats: Memory, weights: Memory): Pointer;
  executableClose(executable: Pointer): void;
  executableBytes(executable: Pointer): number;
  step: Async<[executable: Pointer, block: Memory, logits: Memory, hidden: Memory, turn: number], void>;
  measureRead: Async<[device: Pointer, bytes: number, repeats: number], number>;
  measureDot: Async<[device: Pointer, milliseconds: number], number>;
  measureBarrier: Async<[device: Pointer, repeats: number], number>;
}

/** FB_ABI of native/cpu/fewbit_cpu.h. */
const abi = 13;

let loaded: NativeLibrary | undefined;

/** Loads the library once a process. Throws UnsupportedError saying why it cannot be had and what to do. */
export function loadNativeLibrary(): NativeLibrary {
  return (loaded ??= loadOrSay(findLibrary(thisPlace())));
}

function loadOrSay(path: string): NativeLibrary {
  try {
    return load(path);
  } catch (cause) {
    if (cause instanceof UnsupportedError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UnsupportedError(`${path} does not load as the native library of the CPU kernels: ${reason}`, { cause });
  }
}

/** koffi is CommonJS with a binary of its own; required here, so that whoever never opens the backend does not load it. */
function loadKoffi(): typeof Koffi {
  try {
    return createRequire(import.meta.url)("koffi") as typeof Koffi;
  } catch (cause) {
    const [reason] = String((cause as Error).message).split("\n");
    throw new UnsupportedError(
      `koffi, by which native code is called, does not load: ${reason}; its binary is an optional dependency, which ` +
        "npm leaves out where those are omitted",
      { cause },
    );
  }
}

function load(path: string): NativeLibrary {
  const koffi = loadKoffi();
  const library = koffi.load(path);
  const bind = (name: string, result: string, ...types: NativeType[]) => library.func(name, result, types);
  const bindAsync = <Arguments extends unknown[], Result>(name: string, result: string, ...types: NativeType[]) => {
    const call = library.func(name, result, types);
    return (...values: Arguments): Promise<Result> => {
      let settle: (error: Error | null, value: Result) => void;
      const result = new Promise<Result>((resolve, reject) => {
        settle = (error, value) => (error ? reject(error) : resolve(value));
      });
      // A call that cannot be begun throws here, so that a promise stands for a call.
      call.async(...values, (error: Error | null, value: Result) => settle(error, value));
      return result;
    };
  };
  const pointer = "void *";
  const record = (members: Readonly<Record<string, string>>) => koffi.pointer(koffi.struct({ ...members }));

  const found = (bind("fb_abi", "int32") as () => number)();
  if (found !== abi)
    throw new UnsupportedError(
      `${path} has interface version ${found}, this program needs ${abi}: build it anew ("npm run build:native"), or install the package of the same version`,
    );
  return {
    path,
    bestIsa: bind("fb_best_isa", "str") as NativeLibrary["bestIsa"],
    hasIsa: bind("fb_has_isa", "int32", "str") as NativeLibrary["hasIsa"],
    deviceOpen: bind("fb_device_open", pointer, "int32", "str", "int32") as NativeLibrary["deviceOpen"],
    deviceClose: bind("fb_device_close", "void", pointer) as NativeLibrary["deviceClose"],
    weightAffine: bind("fb_weight_affine", pointer, record(affineShape)) as NativeLibrary["weightAffine"],
    weightPutAffine: bindAsync("fb_weight_put_affine", "int32", pointer, pointer, record(affinePart)),
    weightPutRounded: bindAsync("fb_weight_put_rounded", "int32", pointer, pointer, "int32", "int32", "int32", pointer),
    weightMixed: bind("fb_weight_mixed", pointer, record(mixedShape)) as NativeLibrary["weightMixed"],
    weightPutMixed: bindAsync("fb_weight_put_mixed", "void", pointer, pointer, record(mixedPart)),
    weightBlocks: bind("fb_weight_blocks", pointer, record(blockShape)) as NativeLibrary["weightBlocks"],
    weightPutBlocks: bindAsync("fb_weight_put_blocks", "void", pointer, pointer, "int32", "int32", pointer, "float"),
    weightCoded: bind("fb_weight_coded", pointer, record(codedShape)) as NativeLibrary["weightCoded"],
    weightPutCoded: bindAsync("fb_weight_put_coded", "void", pointer, pointer, record(codedPart)),
    searchBlocks: bindAsync("fb_search_blocks", "void", pointer, record(searchRecord)),
    weightDense: bind("fb_weight_dense", pointer, "int32", "int32", "int32", pointer) as NativeLibrary["weightDense"],
    weightPutDense: bindAsync("fb_weight_put_dense", "void", pointer, "int32", "int32", pointer),
    enlargePages: bindAsync("fb_enlarge_pages", "int32", pointer, "double"),
    weightBytes: bind("fb_weight_bytes", "double", pointer) as NativeLibrary["weightBytes"],
    weightFree: bind("fb_weight_free", "void", pointer) as NativeLibrary["weightFree"],
    executableOpen: bind(
      "fb_executable_open",
      pointer,
      pointer,
      pointer,
      pointer,
      pointer,
    ) as NativeLibrary["executableOpen"],
    executableClose: bind("fb_executable_close", "void", pointer) as NativeLibrary["executableClose"],
    executableBytes: bind("fb_executable_bytes", "double", pointer) as NativeLibrary["executableBytes"],
    step: bindAsync("fb_step", "void", pointer, pointer, pointer, pointer, "int32"),
    measureRead: bindAsync("fb_measure_read", "double", pointer, "double", "int32"),
    measureDot: bindAsync("fb_measure_dot", "double", pointer, "int32"),
    measureBarrier: bindAsync("fb_measure_barrier", "double", pointer, "int32"),
  };
}
