import { createRequire } from "node:module";
import type * as Koffi from "koffi";
import { UnsupportedError } from "../../util/errors.ts";
import type { DevicePointer } from "./record-writer.ts";

/** What a driver's function returns; 0 is success. */
export type CudaResult = number;

/** An opaque handle of the driver. */
export type Handle = bigint;

/** Memory of the process: a typed array, or an address. */
type HostMemory = NodeJS.TypedArray | bigint;

/**
 * The functions of libcuda that are used, under their names in the CUDA driver API's reference (those with a version under the one
 * that cuda.h of CUDA 13 means).
 */
export interface CudaDriver {
  cuInit(flags: number): CudaResult;
  cuDriverGetVersion(version: Int32Array): CudaResult;
  cuGetErrorString(result: CudaResult, text: BigUint64Array): CudaResult;
  cuDeviceGetCount(count: Int32Array): CudaResult;
  cuDeviceGet(device: Int32Array, ordinal: number): CudaResult;
  cuDeviceGetName(name: Uint8Array, length: number, device: number): CudaResult;
  cuDeviceGetAttribute(value: Int32Array, attribute: number, device: number): CudaResult;
  cuDevicePrimaryCtxRetain(context: BigUint64Array, device: number): CudaResult;
  cuDevicePrimaryCtxRelease(device: number): CudaResult;
  cuCtxSetCurrent(context: Handle): CudaResult;
  cuMemGetInfo(free: BigUint64Array, total: BigUint64Array): CudaResult;
  cuMemAlloc(pointer: BigUint64Array, bytes: number): CudaResult;
  cuMemFree(pointer: DevicePointer): CudaResult;
  cuMemHostAlloc(pointer: BigUint64Array, bytes: number, flags: number): CudaResult;
  cuMemFreeHost(pointer: bigint): CudaResult;
  cuMemcpyHtoDAsync(to: DevicePointer, from: HostMemory, bytes: number, stream: Handle): CudaResult;
  cuMemcpyDtoHAsync(to: bigint, from: DevicePointer, bytes: number, stream: Handle): CudaResult;
  cuMemsetD8Async(to: DevicePointer, value: number, bytes: number, stream: Handle): CudaResult;
  cuModuleLoadData(module: BigUint64Array, image: Uint8Array): CudaResult;
  cuModuleUnload(module: Handle): CudaResult;
  cuModuleGetFunction(kernel: BigUint64Array, module: Handle, name: string): CudaResult;
  cuFuncSetAttribute(kernel: Handle, attribute: number, value: number): CudaResult;
  cuLaunchKernelEx(config: Uint8Array, kernel: Handle, parameters: BigUint64Array, extra: null): CudaResult;
  cuTensorMapEncodeTiled(
    map: Uint8Array,
    type: number,
    rank: number,
    base: DevicePointer,
    sizes: BigUint64Array,
    strides: BigUint64Array,
    box: Uint32Array,
    elementStrides: Uint32Array,
    interleave: number,
    swizzle: number,
    promotion: number,
    fill: number,
  ): CudaResult;
  cuStreamCreate(stream: BigUint64Array, flags: number): CudaResult;
  cuStreamDestroy(stream: Handle): CudaResult;
  cuStreamBeginCapture(stream: Handle, mode: number): CudaResult;
  cuStreamEndCapture(stream: Handle, graph: BigUint64Array): CudaResult;
  cuGraphInstantiate(executable: BigUint64Array, graph: Handle, flags: number): CudaResult;
  cuGraphLaunch(executable: Handle, stream: Handle): CudaResult;
  cuGraphExecDestroy(executable: Handle): CudaResult;
  cuGraphDestroy(graph: Handle): CudaResult;
  cuEventCreate(event: BigUint64Array, flags: number): CudaResult;
  cuEventDestroy(event: Handle): CudaResult;
  cuEventRecord(event: Handle, stream: Handle): CudaResult;
  /** On a thread of the pool that Node keeps for such work: the event loop goes on. */
  cuEventSynchronize(event: Handle): Promise<CudaResult>;
  cuEventElapsedTime(milliseconds: Float32Array, start: Handle, end: Handle): CudaResult;

  /** Of a string in the driver's memory. */
  readText(address: bigint): string;
  /** The memory at an address, which must outlive what is returned. */
  viewMemory(address: bigint, bytes: number): ArrayBuffer;
  /** The address of an array's memory. */
  addressOf(array: NodeJS.TypedArray): bigint;
}

/** What each function takes, and its name in the library where that has a version. All return a CUresult. */
const signatures: Readonly<Record<string, readonly [types: string, symbol?: string]>> = {
  cuInit: ["uint32"],
  cuDriverGetVersion: ["void *"],
  cuGetErrorString: ["int32, void *"],
  cuDeviceGetCount: ["void *"],
  cuDeviceGet: ["void *, int32"],
  cuDeviceGetName: ["void *, int32, int32"],
  cuDeviceGetAttribute: ["void *, int32, int32"],
  cuDevicePrimaryCtxRetain: ["void *, int32"],
  cuDevicePrimaryCtxRelease: ["int32", "cuDevicePrimaryCtxRelease_v2"],
  cuCtxSetCurrent: ["void *"],
  cuMemGetInfo: ["void *, void *", "cuMemGetInfo_v2"],
  cuMemAlloc: ["void *, size_t", "cuMemAlloc_v2"],
  cuMemFree: ["uint64", "cuMemFree_v2"],
  cuMemHostAlloc: ["void *, size_t, uint32"],
  cuMemFreeHost: ["void *"],
  cuMemcpyHtoDAsync: ["uint64, void *, size_t, void *", "cuMemcpyHtoDAsync_v2"],
  cuMemcpyDtoHAsync: ["void *, uint64, size_t, void *", "cuMemcpyDtoHAsync_v2"],
  cuMemsetD8Async: ["uint64, uint8, size_t, void *"],
  cuModuleLoadData: ["void *, void *"],
  cuModuleUnload: ["void *"],
  cuModuleGetFunction: ["void *, void *, str"],
  cuFuncSetAttribute: ["void *, int32, int32"],
  cuLaunchKernelEx: ["void *, void *, void *, void *"],
  cuTensorMapEncodeTiled: ["void *, int32, uint32, uint64, void *, void *, void *, void *, int32, int32, int32, int32"],
  cuStreamCreate: ["void *, uint32"],
  cuStreamDestroy: ["void *", "cuStreamDestroy_v2"],
  cuStreamBeginCapture: ["void *, int32", "cuStreamBeginCapture_v2"],
  cuStreamEndCapture: ["void *, void *"],
  cuGraphInstantiate: ["void *, void *, uint64", "cuGraphInstantiateWithFlags"],
  cuGraphLaunch: ["void *, void *"],
  cuGraphExecDestroy: ["void *"],
  cuGraphDestroy: ["void *"],
  cuEventCreate: ["void *, uint32"],
  cuEventDestroy: ["void *", "cuEventDestroy_v2"],
  cuEventRecord: ["void *, void *"],
  cuEventSynchronize: ["void *"],
  cuEventElapsedTime: ["void *, void *, void *"],
};

let loaded: CudaDriver | undefined;

/** Loads libcuda once a process: what FEWBIT_CUDA_DRIVER names, else the system's. Throws UnsupportedError saying why it cannot be had. */
export function loadCudaDriver(): CudaDriver {
  return (loaded ??= load(
    process.env.FEWBIT_CUDA_DRIVER ?? (process.platform === "win32" ? "nvcuda.dll" : "libcuda.so.1"),
  ));
}

/** koffi is CommonJS with a binary of its own; required here, so that whoever never opens the backend does not load it. */
function loadKoffi(): typeof Koffi {
  try {
    return createRequire(import.meta.url)("koffi") as typeof Koffi;
  } catch (cause) {
    const [reason] = String((cause as Error).message).split("\n");
    throw new UnsupportedError(`koffi, by which native code is called, does not load: ${reason}`, { cause });
  }
}

function load(path: string): CudaDriver {
  const koffi = loadKoffi();
  let library: Koffi.LibraryHandle;
  try {
    library = koffi.load(path);
  } catch (cause) {
    throw new UnsupportedError(`there is no NVIDIA driver here: ${path} does not load`, { cause });
  }
  const functions: Record<string, unknown> = {};
  for (const [name, [types, symbol = name]] of Object.entries(signatures)) {
    try {
      functions[name] = library.func(symbol, "int32", types.split(", "));
    } catch (cause) {
      throw new UnsupportedError(`the NVIDIA driver here is too old: ${path} has no ${symbol}`, { cause });
    }
  }
  const synchronize = functions.cuEventSynchronize as Koffi.KoffiFunc<(event: bigint) => CudaResult>;
  return {
    ...(functions as unknown as CudaDriver),
    cuEventSynchronize: (event) =>
      new Promise((resolve, reject) => {
        synchronize.async(event, (error: Error | null, result: CudaResult) =>
          error ? reject(error) : resolve(result),
        );
      }),
    readText: (address) => koffi.decode.string(address),
    viewMemory: (address, bytes) => koffi.view(address, bytes),
    addressOf: (array) => koffi.address(array),
  };
}
