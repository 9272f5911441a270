import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { UnsupportedError } from "../../util/errors.ts";

/** What scripts/build-cuda.mjs has made: for every kernel the fatbin that it is in. */
export class KernelFolder {
  readonly path: string;
  readonly #files: ReadonlyMap<string, string>;

  /** Throws UnsupportedError where the folder holds no such list. */
  constructor(path: string) {
    this.path = path;
    try {
      const kernels = JSON.parse(readFileSync(join(path, "kernels.json"), "utf8")) as Record<string, { file: string }>;
      this.#files = new Map(Object.entries(kernels).map(([name, { file }]) => [name, file]));
    } catch (cause) {
      throw new UnsupportedError(`${path} holds no CUDA kernels: ${(cause as Error).message}`, { cause });
    }
  }

  /** The name of a kernel's fatbin; undefined: there is no such kernel. */
  fileOf(kernel: string): string | undefined {
    return this.#files.get(kernel);
  }

  /** The bytes of a fatbin. */
  read(file: string): Uint8Array {
    return readFileSync(join(this.path, file));
  }
}

/**
 * The kernels: in the folder that FEWBIT_CUDA_KERNELS names, else what this checkout has compiled, else what the package of kernels holds.
 * Throws UnsupportedError saying what was looked for and what to do.
 */
export function findKernels(
  override = process.env.FEWBIT_CUDA_KERNELS,
  module: URL = new URL(import.meta.url),
): KernelFolder {
  if (override) return new KernelFolder(override);
  // From the bundle in dist/ and from the sources in src/backends/cuda/.
  for (const up of ["..", "../../.."]) {
    const path = fileURLToPath(new URL(`${up}/build/cuda`, module));
    if (existsSync(join(path, "kernels.json"))) return new KernelFolder(path);
  }
  let list: string;
  try {
    list = createRequire(module).resolve("@fewbit/cuda/kernels.json");
  } catch (cause) {
    throw new UnsupportedError(
      "there are no CUDA kernels: the optional package @fewbit/cuda is not installed, and there is no build/cuda; in a checkout " +
        '"npm run build:cuda" makes it, and FEWBIT_CUDA_KERNELS tells fewbit another folder',
      { cause },
    );
  }
  return new KernelFolder(dirname(list));
}
