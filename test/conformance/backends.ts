import type { ActivationType, Backend, CacheType, Device } from "../../src/device/backend.ts";
import { createReferenceBackend } from "../../src/backends/reference/reference-backend.ts";

/** One way to run programs, in one precision: what a suite is run on. */
export interface Implementation {
  readonly label: string;
  readonly activations: ActivationType;
  /** How it can keep keys and values. */
  readonly cacheTypes: readonly CacheType[];
  /** Whether a second step may be handed to it while one runs. */
  readonly runsAhead: boolean;
  /** `threads`: absent: 2 where there are threads. Keys and values are f32 unless said otherwise. */
  open(options?: { readonly threads?: number; readonly cacheType?: CacheType }): Promise<Device>;
}

export const reference: Implementation = {
  label: "reference",
  activations: "f32",
  cacheTypes: ["f32"],
  runsAhead: false,
  open: () => createReferenceBackend().open(),
};

/** All that run here. What does not is named once, with the reason. */
export async function availableImplementations(): Promise<readonly Implementation[]> {
  const implementations = [reference];
  for (const isa of ["portable", "neon", "avx2", "avx512"] as const) {
    const { createCpuBackend } = await import("../../src/backends/cpu/cpu-backend.node.ts");
    const backend: Backend = createCpuBackend({ isa });
    const { available, detail } = await backend.probe();
    if (!available) console.log(`skipped: cpu ${isa}: ${detail}`);
    else
      for (const activations of ["f32", "int8"] as const)
        implementations.push({
          label: `cpu ${isa} ${activations}`,
          activations,
          cacheTypes: ["f32", "f16", "int8"],
          runsAhead: true,
          open: ({ threads = 2, cacheType = "f32" } = {}) =>
            // Rounded heads have a suite of their own (head.test.ts).
            backend.open({ threads, activations, cacheType, headType: "keep" }),
        });
  }
  const cuda = await availableCuda();
  if (cuda !== undefined)
    implementations.push({
      label: "cuda f32",
      activations: "f32",
      cacheTypes: ["f32", "f16"],
      runsAhead: true,
      open: ({ cacheType = "f32" } = {}) => cuda.open({ dtype: "f32", cacheType }),
    });
  return implementations;
}

/** A device whose activations have 16 bits, keys and values in f16. */
export interface HalfImplementation {
  readonly label: string;
  readonly dtype: "f16" | "bf16";
  open(): Promise<Device>;
}

/** All that run here: their kernels are others than those of f32. */
export async function availableHalves(): Promise<readonly HalfImplementation[]> {
  const cuda = await availableCuda();
  if (cuda === undefined) return [];
  return (["f16", "bf16"] as const).map((dtype) => ({
    label: `cuda ${dtype}`,
    dtype,
    open: () => cuda.open({ dtype }),
  }));
}

async function availableCuda(): Promise<Backend | undefined> {
  const { createCudaBackend } = await import("../../src/backends/cuda/cuda-backend.node.ts");
  const backend = createCudaBackend();
  const { available, detail } = await backend.probe();
  if (!available) console.log(`skipped: cuda: ${detail}`);
  return available ? backend : undefined;
}
