import type { FloatType, PackedWeight, WeightSummary } from "../weights/packed-weight.ts";
import type { KernelChoice } from "./kernel-choice.ts";
import type { Program } from "./program.ts";
import type { Step, StepLimits, StepResult } from "./step.ts";

export type BackendName = "reference" | "cpu" | "cuda" | "webgpu";

/** A way to run programs. Cheap to hold: nothing is loaded until `probe` or `open`. */
export interface Backend {
  readonly name: BackendName;
  /** Says whether the backend can run here; never throws. */
  probe(): Promise<BackendReport>;
  /** Throws UnsupportedError with the reason of `probe` where it cannot run. */
  open(options?: DeviceOptions): Promise<Device>;
}

export interface BackendReport {
  readonly name: BackendName;
  readonly available: boolean;
  /** What was found (instruction set, device), or why the backend cannot run. */
  readonly detail: string;
  /** True: there is no hardware here that it is for, which nobody needs to be told who has not asked for it. */
  readonly lacksHardware?: boolean;
}

export type ActivationType = "f32" | "int8";
/** int8: groups of 32 elements of a key or a value share a scale. */
export const cacheTypes = ["f32", "f16", "int8"] as const;
export type CacheType = (typeof cacheTypes)[number];
/** Of backends that have no other. */
export type FloatCacheType = Exclude<CacheType, "int8">;

/** int8: a dense head is rounded to 8 bits in groups of inputs when it is prepared, an embedding that it is tied to with it; keep: as the file has it. */
export const headTypes = ["int8", "keep"] as const;
export type HeadType = (typeof headTypes)[number];

/** What a weight is for: a head makes logits of hidden states. */
export type WeightUse = "linear" | "head";

/** What a host of today has; more is a slip of the finger. The same as FB_MAX_THREADS of native/cpu/fewbit_cpu.h. */
export const maxThreads = 256;

export interface DeviceOptions {
  /**
   * CPU threads of this device alone, from 1 to `maxThreads`; absent: all physical cores that the process may use, which devices without
   * a number of their own share: their steps take turns.
   */
  readonly threads?: number;
  /** How linears take their input; absent: what is fastest there. "f32" is exact everywhere. */
  readonly activations?: ActivationType;
  /** How keys and values are kept; absent: f32 where `dtype` or `activations` is, else f16. */
  readonly cacheType?: CacheType;
  /** How a head is kept that the file has not packed; absent: int8 with int8 activations. */
  readonly headType?: HeadType;
  /** What buffers hold between ops, as somebody asked for it; absent: `storedDtype`. See chooseDtype. */
  readonly dtype?: FloatType;
  /** What the checkpoint's embedding holds, which nobody asked for. */
  readonly storedDtype?: FloatType;
}

/**
 * One opened device. It owns what it prepares and loads: dispose executables and weights before the device.
 * All methods may be called while a step of another executable runs.
 */
export interface Device extends AsyncDisposable {
  readonly backend: BackendName;
  /** For people: "AVX-512 VNNI, 2 threads". */
  readonly description: string;
  readonly threads: number;
  /** What its buffers hold between ops; sums are f32 whatever it is. */
  readonly dtype: FloatType;
  readonly activations: ActivationType;
  readonly cacheType: CacheType;
  /** Positions in a page of its caches. */
  readonly pageSize: number;
  /** Tokens of a prompt's step that use it well, where nobody says how many. Absent: it has no opinion. */
  readonly stepTokens?: number;

  /** The first kernel of the device's ordered list that takes a linear of these parts, with every refusal before it. */
  chooseLinear(parts: readonly WeightSummary[], use?: WeightUse): KernelChoice;
  /** Why these weights of one input cannot become one linear; undefined: they can. */
  refusesToFuse(parts: readonly PackedWeight[]): string | undefined;
  /**
   * Brings weights into the layout of the kernel that takes them; several are stacked along outFeatures.
   * Borrows the bytes until it has resolved, and from then on only where the result says so (`keepsBytes`). `use`: a linear unless said otherwise.
   * `names`: what errors call the parts. Throws FormatError for a part that checkWeight or checkPositions refuses.
   */
  prepare(parts: readonly PackedWeight[], use?: WeightUse, names?: readonly string[]): Promise<PreparedWeight>;
  /** What it has for weights and caches. Absent: it does not know. */
  memory?(): DeviceMemory;
  /**
   * A weight of the size that `prepare` would make, with nothing in it: for `load`, which then tells what a program takes, and never to be run.
   * Memory that nobody touches costs nothing here. Absent: on this device it does.
   */
  reserve?(parts: readonly PackedWeight[], use?: WeightUse): Promise<PreparedWeight>;
  /** Bytes of keys and values for one page of one cache. */
  pageBytes(cache: Program["caches"][number]): number;
  /** Binds a program to its weights (borrowed: they must outlive the executable) and vectors, and allocates all that steps need. */
  load(binding: ProgramBinding): Promise<Executable>;
  /** Measures what bounds a program's speed on it, in about half a second, with nothing else running. Absent: it has no way to. */
  measure?(): Promise<DeviceRates>;
}

/** Memory of a GPU, or of the machine where that is the device. */
export interface DeviceMemory {
  readonly totalBytes: number;
  /** Held by nobody, or given up by whoever only caches files in it. */
  readonly freeBytes: number;
}

/** The limits that speeds are held against. */
export interface DeviceRates {
  /** Bytes per second that all threads together read from memory. */
  readonly readRate: number;
  /** 8-bit operations per second of all threads together; a multiply-add is two. */
  readonly dotRate: number;
  /** What it takes for all threads to wait for each other once: every op of a program ends so. */
  readonly barrierSeconds: number;
  /** From JavaScript to the device's threads and back, with nothing done there: every step costs it. */
  readonly callSeconds: number;
}

/** Opaque to all but the device that made it. */
export interface PreparedWeight extends Disposable {
  readonly kernel: string;
  readonly byteLength: number;
  /** True: it reads the bytes that it was made from where they lie, so that nobody may change them as long as it lives. */
  readonly keepsBytes: boolean;
}

export interface ProgramBinding {
  readonly program: Program;
  readonly weights: readonly PreparedWeight[];
  readonly vectors: readonly Float32Array[];
  readonly limits: StepLimits;
}

export interface Executable extends AsyncDisposable {
  readonly limits: StepLimits;
  /** Bytes of buffers and caches. */
  readonly byteLength: number;
  /**
   * True: a second step may be handed over while one runs, and starts when that is over, without the host in between: its tokens are
   * then ~slot, samples that the host has not seen. Absent: it waits for each, where a device gains nothing from it.
   */
  readonly runsAhead?: boolean;
  /**
   * Runs one step. The caller must wait for the result before it changes the step's arrays or starts another step of this executable;
   * where it `runsAhead`, one further step may be started, which runs behind it.
   * Throws RequestError for a step that breaks the limits or the rules of `Step`, before anything runs.
   */
  step(step: Step): Promise<StepResult>;
}
