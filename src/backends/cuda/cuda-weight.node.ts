import type { PreparedWeight } from "../../device/backend.ts";
import type { PackedWeight } from "../../weights/packed-weight.ts";
import { RequestError } from "../../util/errors.ts";
import type { CudaContext } from "./cuda-context.node.ts";
import type { LinearKernelName } from "./linear-kernels.ts";
import type { DevicePointer } from "./record-writer.ts";

export interface CudaWeightShape {
  readonly scheme: PackedWeight["scheme"];
  readonly inFeatures: number;
  readonly outFeatures: number;
}

/** A weight in the device's memory, all in one piece. */
export class CudaWeight implements PreparedWeight {
  readonly kernel: LinearKernelName;
  readonly byteLength: number;
  readonly keepsBytes = false;
  readonly shape: CudaWeightShape;
  readonly context: CudaContext;
  readonly #memory: DevicePointer;
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
    this.byteLength = byteLength;
    this.#descriptorAt = descriptorAt;
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
  }
}
