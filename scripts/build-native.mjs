#!/usr/bin/env node
// Compiles native/cpu with the system's C compiler into build/native/<platform>-<arch>/libfewbit-cpu.{so,dylib,dll}.
//
//   node scripts/build-native.mjs [--cc COMPILER] [--target aarch64|x86_64]
//                                 [--build-folder FOLDER] [--flags="FLAG …"]
//
// The compiler is --cc, else $CC, else the first of cc, gcc, clang; --target alone means <target>-linux-gnu-gcc. What
// is built follows the machine that the compiler itself names. Without any compiler nothing is built, which is no
// error: the reference backend is used then. Builds that test something, such as one with sanitizers, go to a
// --build-folder other than build/, with --flags that come after all others, for compiling and linking.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { filesBelow, hashFiles, projectRoot, readTextIfAny } from "./lib/files.mjs";
import { isMainModule } from "./lib/main-module.mjs";

const sourceFolder = join(projectRoot, "native", "cpu");

// -ffp-contract=off: a fused multiply-add happens where the source asks for it and nowhere else, so that results are
// the same at every instruction set and compiler.
const compileFlags = ["-std=gnu11", "-O3", "-fPIC", "-pthread", "-ffp-contract=off", "-Wall", "-Wextra"];
const linkFlags = ["-shared", "-pthread", "-lm"];

/** What else a system needs, so that the library runs on others than the one that made it, and needs only the system's own C library. */
const platformFlags = {
  linux: { compiling: ["-include", "native/cpu/glibc_floor.h"], linking: ["-static-libgcc", "-Wl,-z,defs"] },
  darwin: {
    compiling: ["-mmacosx-version-min=11.0"],
    linking: ["-mmacosx-version-min=11.0", "-Wl,-install_name,@rpath/libfewbit-cpu.dylib"],
  },
  win32: {
    // GCC keeps the stack aligned to 16 bytes on Windows (GCC bug 54412), where AVX registers are spilled as if to 32 or 64.
    compiling: ["-Wa,-muse-unaligned-vector-move"],
    linking: ["-static"],
  },
};

/**
 * Flags by the end of a file's name: kernels_avx2.c is compiled with those of `avx2`, and only for x64. Any other file
 * is baseline, and compiled for every machine. Which unit runs is decided at run time.
 */
const instructionSets = {
  avx2: { arch: "x64", flags: ["-mavx2", "-mfma", "-mf16c"] },
  avx512: {
    arch: "x64",
    flags: ["-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", "-mavx512vnni", "-mavx2", "-mfma", "-mf16c"],
  },
  neon: { arch: "arm64", flags: ["-march=armv8.2-a+dotprod+fp16"] },
};

const architectures = { x86_64: "x64", amd64: "x64", aarch64: "arm64", arm64: "arm64" };
const platforms = [
  [/linux/, "linux"],
  [/darwin|apple/, "darwin"],
  [/mingw|windows/, "win32"],
];
const libraryExtensions = { linux: "so", darwin: "dylib", win32: "dll" };

/** A failure that its message explains. */
export class NativeBuildError extends Error {}

/**
 * Builds what changed. Returns { built, library } or, when there is nothing to build with or from, { skipped: why }.
 * `log` gets one line before anything is compiled, one for every source that is, and the compiler's warnings.
 */
export async function buildNative({ cc, target, buildFolder = "build", flags = "", log = console.error } = {}) {
  const sources = filesBelow(sourceFolder).filter((path) => path.endsWith(".c"));
  if (sources.length === 0) return { skipped: "there are no native sources" };

  const compiler = findCompiler(cc ?? (target ? `${target}-linux-gnu-gcc` : undefined));
  if (!compiler) return { skipped: "no C compiler found (looked for $CC, cc, gcc, clang)" };
  if (target && architectures[target] !== compiler.arch)
    throw new NativeBuildError(`--target ${target}: ${compiler.command.join(" ")} compiles for ${compiler.machine}`);

  const name = `${compiler.platform}-${compiler.arch}`;
  const objectFolder = resolve(projectRoot, buildFolder, "objects", name);
  const libraryFolder = resolve(projectRoot, buildFolder, "native", name);
  const library = join(libraryFolder, `libfewbit-cpu.${libraryExtensions[compiler.platform]}`);
  mkdirSync(objectFolder, { recursive: true });
  mkdirSync(libraryFolder, { recursive: true });

  const moreFlags = flags.split(/\s+/).filter(Boolean);
  const forPlatform = platformFlags[compiler.platform];
  const linking = [...linkFlags, ...forPlatform.linking, ...moreFlags];

  // A unit is named after all that decides its bytes, so that whatever exists is up to date.
  const headers = filesBelow(sourceFolder).filter((path) => !path.endsWith(".c"));
  const units = sources.flatMap((source) => {
    const set = instructionSets[/_([a-z0-9]+)\.c$/.exec(source)?.[1]];
    if (set && set.arch !== compiler.arch) return [];
    const compiling = [...compileFlags, ...forPlatform.compiling, ...(set?.flags ?? []), ...moreFlags];
    const hash = hashFiles([source, ...headers], compiler.command, compiler.version, compiling).slice(0, 16);
    return [{ source, compiling, object: join(objectFolder, `${basename(source, ".c")}-${hash}.o`) }];
  });
  const objects = units.map((unit) => unit.object);
  const linked = JSON.stringify([objects.map((object) => basename(object)), compiler.command, linking]);
  const stampFile = join(objectFolder, "linked.json");
  if (existsSync(library) && readTextIfAny(stampFile) === linked) return { built: false, library };

  const missing = units.filter((unit) => !existsSync(unit.object));
  log(`compiling ${missing.length} of ${units.length} native sources for ${name} with ${compiler.command.join(" ")}`);
  let done = 0;
  await inParallel(missing, async ({ source, compiling, object }) => {
    const file = relative(projectRoot, source);
    await replaceFile(object, (path) => run(compiler, [...compiling, "-c", file, "-o", path], log));
    log(`compiled ${file} (${++done} of ${missing.length})`);
  });
  // Renamed into place: a process that has the old library mapped keeps it.
  await replaceFile(library, (path) => run(compiler, [...objects, ...linking, "-o", path], log));
  writeFileSync(stampFile, linked);
  for (const file of readdirSync(objectFolder))
    if (file.endsWith(".o") && !objects.includes(join(objectFolder, file))) rmSync(join(objectFolder, file));
  return { built: true, library };
}

/** The compiler asked for must exist; of the usual ones, the first that does, or undefined. */
export function findCompiler(asked = process.env.CC) {
  for (const command of asked ? [asked.trim().split(/\s+/)] : [["cc"], ["gcc"], ["clang"]]) {
    // gcc and clang both print their version and, in a line of its own, `Target: x86_64-linux-gnu`; gcc translates it.
    const env = { ...process.env, LC_ALL: "C" };
    const { status, stderr } = spawnSync(command[0], [...command.slice(1), "-v"], { encoding: "utf8", env });
    if (status !== 0) continue;
    const machine = /^Target: (\S+)/m.exec(stderr)?.[1] ?? "";
    const arch = architectures[machine.split("-")[0]];
    const platform = platforms.find(([pattern]) => pattern.test(machine))?.[1];
    if (arch && platform) return { command, version: stderr, machine, arch, platform };
    if (asked)
      throw new NativeBuildError(`${asked} compiles for ${machine || "an unknown machine"}, which has no port`);
  }
  if (asked) throw new NativeBuildError(`the C compiler asked for, ${asked}, does not run`);
  return undefined;
}

/** Compiles or links; rejects with the compiler's own words. */
function run({ command }, args, log) {
  return new Promise((resolve, reject) => {
    const child = spawn(command[0], [...command.slice(1), ...args], { cwd: projectRoot, stdio: ["ignore", 2, "pipe"] });
    let output = "";
    child.stderr.setEncoding("utf8").on("data", (text) => (output += text));
    child.on("error", reject);
    child.on("close", (status) => {
      if (status !== 0) return reject(new NativeBuildError(`${[...command, ...args].join(" ")}\n${output.trim()}`));
      if (output) log(output.trim());
      resolve();
    });
  });
}

/** Lets `write` make the file under another name, and puts it in place only when that worked. */
async function replaceFile(path, write) {
  const unfinished = `${path}.${process.pid}.tmp`;
  try {
    await write(unfinished);
    renameSync(unfinished, path);
  } finally {
    rmSync(unfinished, { force: true });
  }
}

/** Calls `work` on every item, as many at a time as there are cores; after a failure nothing new is begun. */
async function inParallel(items, work) {
  const queue = items.values();
  let failed = false;
  const worker = async () => {
    for (const item of queue) {
      if (failed) return;
      await work(item).catch((error) => {
        failed = true;
        throw error;
      });
    }
  };
  const results = await Promise.allSettled(Array.from({ length: availableParallelism() }, worker));
  for (const result of results) if (result.status === "rejected") throw result.reason;
}

if (isMainModule(import.meta.url)) {
  try {
    const { values } = parseArgs({
      options: {
        cc: { type: "string" },
        target: { type: "string" },
        "build-folder": { type: "string" },
        flags: { type: "string" },
      },
    });
    const { skipped, library } = await buildNative({ ...values, buildFolder: values["build-folder"] });
    console.error(skipped ? `nothing built: ${skipped}` : relative(projectRoot, library));
  } catch (error) {
    console.error(`build-native: ${error.message}`);
    process.exitCode = error instanceof NativeBuildError ? 1 : 2;
  }
}
