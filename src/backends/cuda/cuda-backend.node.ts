import type { Backend, BackendReport, DeviceOptions } from "../../device/backend.ts";
import { chooseDtype } from "../../device/choose-dtype.ts";
import { UnsupportedError } from "../../util/errors.ts";
import { CudaContext, findDevice, formatCapability } from "./cuda-context.node.ts";
import { CudaDevice } from "./cuda-device.node.ts";
import { loadCudaDriver } from "./cuda-driver.node.ts";
import { findKernels } from "./find-kernels.node.ts";

/** CUDA kernels on the first GPU of NVIDIA that the driver shows (CUDA_VISIBLE_DEVICES says which). */
export function createCudaBackend(): Backend {
  return { name: "cuda", probe: async () => probe(), open: async (options = {}) => open(options) };
}

function probe(): BackendReport {
  let lacksHardware = true;
  try {
    const { name, capability } = findDevice(loadCudaDriver());
    lacksHardware = false;
    findKernels();
    return { name: "cuda", available: true, detail: `${name}, compute capability ${formatCapability(capability)}` };
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return { name: "cuda", available: false, detail, lacksHardware };
  }
}

function open({ activations, cacheType, headType, ...options }: DeviceOptions): CudaDevice {
  if (activations === "int8")
    throw new UnsupportedError("the cuda backend has no quantized activations: activations int8 needs another backend");
  if (cacheType === "int8")
    throw new UnsupportedError(
      "the cuda backend keeps keys and values in floats: cacheType int8 needs another backend",
    );
  if (headType === "int8")
    throw new UnsupportedError("the cuda backend keeps heads as they are: headType int8 needs another backend");
  // Exact activations, where somebody asks for them, are f32.
  const dtype = chooseDtype("cuda", ["f16", "bf16", "f32"], {
    ...options,
    ...(activations === "f32" && options.dtype === undefined && { dtype: "f32" }),
  });
  const context = new CudaContext(loadCudaDriver(), findKernels());
  return new CudaDevice(context, { dtype, cacheType: cacheType ?? (dtype === "f32" ? "f32" : "f16") });
}
