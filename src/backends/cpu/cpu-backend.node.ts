import { maxThreads, type Backend, type BackendReport, type DeviceOptions } from "../../device/backend.ts";
import { RequestError, UnsupportedError } from "../../util/errors.ts";
import { CpuDevice } from "./cpu-device.node.ts";
import { defaultThreads } from "./default-threads.node.ts";
import { loadNativeLibrary, type NativeLibrary } from "./native-library.node.ts";

export interface CpuBackendOptions {
  /** Absent: FEWBIT_CPU_ISA, else the best that the processor has. */
  readonly isa?: "avx512" | "avx2" | "neon" | "portable";
}

/** C kernels on this machine's processor. */
export function createCpuBackend(options: CpuBackendOptions = {}): Backend {
  return {
    name: "cpu",
    probe: async () => probe(options),
    open: async (deviceOptions = {}) => open(options, deviceOptions),
  };
}

function probe(options: CpuBackendOptions): BackendReport {
  try {
    const library = loadNativeLibrary();
    return { name: "cpu", available: true, detail: `${chooseIsa(library, options)}, ${defaultThreads()} threads` };
  } catch (error) {
    return { name: "cpu", available: false, detail: error instanceof Error ? error.message : String(error) };
  }
}

function open(options: CpuBackendOptions, deviceOptions: DeviceOptions): CpuDevice {
  const { threads = defaultThreads(), activations = "int8" } = deviceOptions;
  const wantsExact = activations === "f32" || deviceOptions.dtype === "f32";
  const { cacheType = wantsExact ? "f32" : "f16", headType = activations === "int8" ? "int8" : "keep" } = deviceOptions;
  if (!Number.isInteger(threads) || threads < 1 || threads > maxThreads)
    throw new RequestError(`cpu: ${threads} threads; from 1 to ${maxThreads} are accepted`);
  const library = loadNativeLibrary();
  const sharesThreads = deviceOptions.threads === undefined;
  const isa = chooseIsa(library, options);
  return new CpuDevice(library, { isa, threads, sharesThreads, activations, cacheType, headType });
}

function chooseIsa(library: NativeLibrary, options: CpuBackendOptions): string {
  const isa = options.isa ?? process.env.FEWBIT_CPU_ISA ?? library.bestIsa();
  if (library.hasIsa(isa) === 1) return isa;
  throw new UnsupportedError(
    `cpu: this processor and library do not run "${isa}"; the best they run is "${library.bestIsa()}"`,
  );
}
