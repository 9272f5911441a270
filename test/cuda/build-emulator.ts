import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type * as Koffi from "koffi";

const root = fileURLToPath(new URL("../..", import.meta.url));

/**
 * Compiles the emulated driver together with the kernels that are plain CUDA, and names them to src/backends/cuda through the environment.
 * Returns why it cannot be had, or undefined. Call it before the backend is first probed.
 */
export function useEmulatedDevice(): string | undefined {
  if (process.platform !== "linux") return `the emulated driver is for Linux, this is ${process.platform}`;
  const compiler = process.env.CXX ?? "c++";
  if (spawnSync(compiler, ["--version"]).status !== 0) return `there is no C++ compiler (${compiler})`;
  const kernels = join(root, "native", "cuda");
  const sources = readdirSync(kernels)
    .filter((name) => name.endsWith(".cu"))
    .map((name) => join(kernels, name))
    .filter((path) => !/#include "(hopper|wgmma)[.]cuh"/.test(readFileSync(path, "utf8"))); // instructions that only a GPU has
  const folder = join(root, "build", "emulated-cuda");
  mkdirSync(folder, { recursive: true });
  const library = join(folder, `libcuda-${process.pid}.so`);
  const units = [join(root, "test", "cuda", "emulated_driver.cpp"), ...sources];
  const flags = ["-std=c++17", "-O1", "-fPIC", "-shared", "-ffp-contract=off", "-U_FORTIFY_SOURCE"];
  const includes = ["-I", join(root, "test", "cuda"), "-I", kernels];
  const { status, stderr } = spawnSync(compiler, [...flags, ...includes, "-x", "c++", ...units, "-o", library], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`the emulated driver does not compile:\n${stderr}`);
  const koffi = createRequire(import.meta.url)("koffi") as typeof Koffi;
  const names = koffi.load(library).func("emulated_kernel_names", "str", [])() as string;
  const list = names
    .trim()
    .split("\n")
    .map((name) => [name, { file: "kernels.json" }] as const);
  writeFileSync(join(folder, "kernels.json"), JSON.stringify(Object.fromEntries(list)));
  process.env.FEWBIT_CUDA_DRIVER = library;
  process.env.FEWBIT_CUDA_KERNELS = folder;
  return undefined;
}
