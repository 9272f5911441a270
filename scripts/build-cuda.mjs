#!/usr/bin/env node
// Compiles native/cuda into build/cuda: a fatbin for every .cu file, and kernels.json, which says where each kernel is and what registers,
// stack and spills it takes on each architecture.
//
//   node scripts/build-cuda.mjs [--nvcc COMPILER] [--build-folder FOLDER] [--no-install]
//
// The compiler is --nvcc, else nvcc of the PATH, else the pinned wheels of PyPI, which are installed into build/cuda-toolchain (100 MB, once).
// No GPU is needed. Where none of these can be had nothing is built, which is no error: the cuda backend says so when it is asked for.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { filesBelow, hashFiles, projectRoot } from "./lib/files.mjs";
import { isMainModule } from "./lib/main-module.mjs";

const sourceFolder = join(projectRoot, "native", "cuda");

/** Together they are a compiler: what NVIDIA publishes of CUDA 13.0. */
const wheels = [
  "nvidia-cuda-nvcc==13.0.88",
  "nvidia-nvvm==13.0.88",
  "nvidia-cuda-crt==13.0.88",
  "nvidia-cuda-runtime==13.0.96",
  "nvidia-cuda-cccl==13.0.85",
];

/** Machine code for Ampere and Hopper, and what the driver compiles for all that came after. */
const everyTarget = ["-gencode=arch=compute_80,code=[sm_80,compute_80]", "-gencode=arch=compute_90a,code=sm_90a"];

/** Sources with instructions that only Hopper has include the headers that name these. */
const hopperTarget = ["-gencode=arch=compute_90a,code=sm_90a"];
const isForHopper = (source) => /#include "(hopper|wgmma)[.]cuh"/.test(readFileSync(source, "utf8"));

// --fmad=false: a fused multiply-add happens where the source asks for it and nowhere else, as in native/cpu.
const flags = ["-std=c++17", "-O3", "--fmad=false", "-Xptxas=-v", "-fatbin"];

/** A failure that its message explains. */
class CudaBuildError extends Error {}

/** Builds what changed. Returns { built, folder } or, when there is nothing to build with, { skipped: why }. */
export async function buildCuda({ nvcc, buildFolder = "build", installs = true, log = console.error } = {}) {
  const compiler = findNvcc({ nvcc, installs, log });
  if (compiler.skipped !== undefined) return compiler;
  const folder = resolve(projectRoot, buildFolder, "cuda");
  mkdirSync(folder, { recursive: true });
  // A unit is named after all that decides its bytes, so that whatever exists is up to date.
  const units = filesBelow(sourceFolder)
    .filter((path) => path.endsWith(".cu"))
    .map((source) => {
      const compiling = [...flags, ...(isForHopper(source) ? hopperTarget : everyTarget)];
      const hash = hashFiles(withHeaders(source), compiler.version, compiling).slice(0, 16);
      return { source, compiling, name: `${basename(source, ".cu")}-${hash}` };
    });
  const missing = units.filter(({ name }) => !existsSync(join(folder, `${name}.json`)));
  if (missing.length > 0) log(`compiling ${missing.length} of ${units.length} CUDA sources with ${compiler.command}`);
  await inParallel(missing, async ({ source, compiling, name }) => {
    const unfinished = join(folder, `${name}.${process.pid}.tmp`);
    const output = await run(compiler.command, [...compiling, source, "-o", unfinished], log);
    renameSync(unfinished, join(folder, `${name}.fatbin`));
    writeFileSync(join(folder, `${name}.json`), JSON.stringify(parseResources(output)));
  });

  const kernels = {};
  for (const { name } of units) {
    const resources = JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8"));
    for (const [kernel, targets] of Object.entries(resources)) kernels[kernel] = { file: `${name}.fatbin`, ...targets };
  }
  writeFileSync(join(folder, "kernels.json"), `${JSON.stringify(kernels, null, 1)}\n`);
  const kept = new Set(["kernels.json", ...units.flatMap(({ name }) => [`${name}.fatbin`, `${name}.json`])]);
  for (const file of readdirSync(folder)) if (!kept.has(file)) rmSync(join(folder, file));
  return { built: missing.length > 0, folder };
}

/** A source and what it includes of ours, directly or not. */
function withHeaders(source) {
  const paths = new Set([source]);
  for (const path of paths)
    for (const [, name] of readFileSync(path, "utf8").matchAll(/^#include "(.+)"$/gm)) {
      const header = join(sourceFolder, name);
      if (existsSync(header)) paths.add(header); // emulation.h is of test/cuda
    }
  return [...paths];
}

/** { command, version } or { skipped: why }. */
function findNvcc({ nvcc, installs, log }) {
  const versionOf = (command) => {
    const { status, stdout } = spawnSync(command, ["--version"], { encoding: "utf8" });
    return status === 0 ? stdout : undefined;
  };
  if (nvcc !== undefined) {
    const version = versionOf(nvcc);
    if (version === undefined) throw new CudaBuildError(`the compiler asked for, ${nvcc}, does not run`);
    return { command: nvcc, version };
  }
  const toolchain = join(projectRoot, "build", "cuda-toolchain");
  const installed = join(toolchain, "nvidia", "cu13", "bin", "nvcc");
  for (const command of ["nvcc", installed]) {
    const version = versionOf(command);
    if (version !== undefined) return { command, version };
  }
  if (!installs) return { skipped: "there is no nvcc on the PATH and none in build/cuda-toolchain" };
  if (process.platform !== "linux" || process.arch !== "x64")
    return { skipped: `there is no nvcc on the PATH, and no pinned one for ${process.platform} on ${process.arch}` };
  log(`installing ${wheels[0]} and what belongs to it into build/cuda-toolchain`);
  const pip = [
    "-m",
    "pip",
    "install",
    "--quiet",
    "--no-deps",
    "--only-binary=:all:",
    "--upgrade",
    "--target",
    toolchain,
  ];
  const { status, stderr, error } = spawnSync("python3", [...pip, ...wheels], { encoding: "utf8", timeout: 300_000 });
  if (status !== 0) {
    const [why] = (error?.message ?? stderr ?? "").trim().split("\n").slice(-1);
    return { skipped: `there is no nvcc on the PATH, and pip cannot install one: ${why}` };
  }
  const version = versionOf(installed);
  return version === undefined
    ? { skipped: "the nvcc that pip has installed does not run here" }
    : { command: installed, version };
}

/** What ptxas -v says: { kernel: { sm_80: { registers, stackBytes, spillBytes, sharedBytes } } }. */
export function parseResources(output) {
  const kernels = {};
  let target;
  for (const line of output.split("\n")) {
    const entry = /Compiling entry function '(\w+)' for '(\w+)'/.exec(line);
    if (entry) {
      target = (kernels[entry[1]] ??= {})[entry[2]] = { registers: 0, stackBytes: 0, spillBytes: 0, sharedBytes: 0 };
    }
    const stack = /(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads/.exec(line);
    if (stack && target) {
      target.stackBytes = Number(stack[1]);
      target.spillBytes = Number(stack[2]) + Number(stack[3]);
    }
    const used = /Used (\d+) registers/.exec(line);
    if (used && target) {
      target.registers = Number(used[1]);
      target.sharedBytes = Number(/(\d+) bytes smem/.exec(line)?.[1] ?? 0);
      target = undefined;
    }
  }
  return kernels;
}

/** What the compiler says, but for ptxas's report; rejects with its own words. */
function run(command, args, log) {
  return new Promise((fulfil, reject) => {
    const child = spawn(command, args, { cwd: projectRoot, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text) => (output += text));
    child.on("error", reject);
    child.on("close", (status) => {
      if (status !== 0) return reject(new CudaBuildError(`${[command, ...args].join(" ")}\n${output.trim()}`));
      const warnings = output.split("\n").filter((line) => /warning|advisory/i.test(line));
      if (warnings.length > 0) log(warnings.join("\n"));
      fulfil(output);
    });
  });
}

/** Calls `work` on every item, as many at a time as there are cores. */
async function inParallel(items, work) {
  const queue = items.values();
  const worker = async () => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
}

if (isMainModule(import.meta.url)) {
  try {
    const { values } = parseArgs({
      options: {
        nvcc: { type: "string" },
        "build-folder": { type: "string" },
        "no-install": { type: "boolean", default: false },
      },
    });
    const { nvcc, "build-folder": buildFolder, "no-install": stays } = values;
    const { skipped, folder } = await buildCuda({ nvcc, buildFolder, installs: !stays });
    console.error(skipped ? `nothing built: ${skipped}` : folder);
  } catch (error) {
    console.error(`build-cuda: ${error.message}`);
    process.exitCode = error instanceof CudaBuildError ? 1 : 2;
  }
}
