import { CrashError, OutOfMemoryError, UnsupportedError } from "../../util/errors.ts";

/** CUresult, as cuda.h numbers it: those that say something about the machine or the kernels, not about us. */
const outOfMemory = 2;
const unsupported: ReadonlySet<number> = new Set([
  3, // deinitialized
  34, // stub library
  35, // insufficient driver
  100, // no device
  101, // invalid device
  200, // invalid image
  209, // no binary for this GPU
  218, // invalid PTX
  222, // unsupported PTX version
  801, // not supported
  803, // system driver mismatch
]);

/** The error that a CUresult other than 0 stands for. What is neither memory nor a lacking ability leaves the device in no state to go on. */
export function errorOf(result: number, what: string, text: string): Error {
  const message = `cuda: ${what}: ${text} (CUDA error ${result})`;
  if (result === outOfMemory) return new OutOfMemoryError(message);
  if (unsupported.has(result)) return new UnsupportedError(message);
  return new CrashError(message);
}
