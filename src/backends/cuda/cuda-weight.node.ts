import type { PreparedWeight } from "../../device/backend.ts";
import type { AffineZeroWeight, FloatType, PackedWeight } from "../../weights/packed-weight.ts";
import { RequestError } from "../../util/errors.ts";
import type { AffineRecords } from "./affine-linear.ts";
import type { CudaContext } from "./cuda-context.node.ts";
import type { LinearKernelName } from "./linear-kernels.ts";
import type { DevicePointer } from "./record-writer.ts";

export interface CudaWeightShape {
  readonly scheme: PackedWeight["scheme"];
  readonly inFeatures: number;
  readonly outFeatures: number;
  /** Of a dense weight: what its values are. */
  readonly type?: FloatType;
  /** Of an affine weight what its records are made by. */
  readonly affine?: AffineFacts;
}

export interface AffineFacts {
  readonly bits: AffineZeroWeight["bits"];
  readonly groupSize: number;
  readonly hasZeros: boolean;
  readonly scaleType: FloatType;
  readonly rowOrder: Uint32Array | undefined;
  /** Products are divided anew, which records have no place for. */
  readonly isDivided: boolean;
}

/** A weight in the device's memory, all in one piece. */
export class CudaWeight implements PreparedWeight {
  readonly kernel: LinearKernelName;
  #byteLength: number;
  readonly keepsBytes = false;
  readonly shape: CudaWeightShape;
  readonly context: CudaContext;
  #records: AffineRecords | undefined;
  #memory: DevicePointer;
  readonly #descriptorAt: number;
  #isDisposed = false;

  /** Takes `memory`, which has `byteLength` bytes. */
  constructor(
    context: CudaContext,
    kernel: LinearKernelName,
    shape: CudaWeightShape,
    memory: DevicePointer,
    { byteLength, descriptorAt }: { readonly byteLength: number; readonly descriptorAt: number },
  ) {
    this.context = context;
    this.kernel = kernel;
    this.shape = shape;
    this.#memory = memory;
    this.#byteLength = byteLength;
    this.#descriptorAt = descriptorAt;
  }

  get byteLength(): number {
    return this.#byteLength + (this.#records?.byteLength ?? 0);
  }

  /** For tensor cores; made when a program says how it multiplies by the weight. */
  get records(): AffineRecords | undefined {
    return this.#records;
  }

  /** Takes the records; without `keepsFile` what they were made from is freed. */
  setRecords(records: AffineRecords, keepsFile: boolean): void {
    this.#records = records;
    if (keepsFile) return;
    this.context.free(this.#memory);
    this.#memory = 0n;
    this.#byteLength = 0;
  }

  /** Whether the file's own bytes are still there. */
  get hasFile(): boolean {
    return this.#memory !== 0n;
  }

  /** Where the device finds what it is: Weight of native/cuda/params.h. Throws RequestError after disposal. */
  get descriptor(): DevicePointer {
    if (this.#isDisposed) throw new RequestError("load: a weight was disposed of before");
    return this.#memory + BigInt(this.#descriptorAt);
  }

  [Symbol.dispose](): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.context.free(this.#memory);
    this.context.free(this.#records?.memory ?? 0n);
  }
}
