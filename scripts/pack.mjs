#!/usr/bin/env node
// Makes the tarballs of a release: `fewbit`, without anything native, a package a platform with the library of native/cpu, and one with
// the kernels of native/cuda, which `fewbit` names as optional dependencies. The manifests are written here and not taken from package.json, because a
// lock file cannot name packages of the very version that it belongs to.
//
//   node scripts/pack.mjs [--out FOLDER] [--no-build] [PACKAGE …]
//
// Without names it makes all that the compilers here can, and says what is left out; what is named must succeed. Compilers:
// $CC or cc for this machine, <target>-linux-gnu-gcc, x86_64-w64-mingw32-gcc, and on macOS clang for both its machines.
// Tarballs come to --out (build/packages); their paths are printed. --no-build takes dist/ as it is, for tests that run
// beside each other.
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { buildCuda } from "./build-cuda.mjs";
import { buildNative, findCompiler, NativeBuildError } from "./build-native.mjs";
import { projectRoot } from "./lib/files.mjs";
import { npm } from "./lib/npm.mjs";
import { buildProgram } from "./setup.mjs";

/** What `fewbit` finds at run time as `@fewbit/cpu-<platform>-<arch>` (src/backends/cpu/find-library.node.ts). */
const platforms = [
  { platform: "linux", arch: "x64", libc: "glibc", cc: "x86_64-linux-gnu-gcc" },
  { platform: "linux", arch: "arm64", libc: "glibc", cc: "aarch64-linux-gnu-gcc" },
  { platform: "darwin", arch: "arm64", cc: "clang -arch arm64" },
  { platform: "darwin", arch: "x64", cc: "clang -arch x86_64" },
  { platform: "win32", arch: "x64", cc: "x86_64-w64-mingw32-gcc" },
].map((each) => ({ ...each, name: `@fewbit/cpu-${each.platform}-${each.arch}` }));

/** What `fewbit` finds at run time (src/backends/cuda/find-kernels.node.ts), wherever NVIDIA has a driver. */
const kernelPackage = "@fewbit/cuda";
const optionalNames = [...platforms.map(({ name }) => name), kernelPackage];

/** What the official builds of Node 20 and 22 need: whoever can run those can load the library. */
const newestGlibc = [2, 28];

/** Of package.json, in the order of the manifest. */
const publishedFields = [
  ...["name", "version", "description", "keywords", "license", "homepage", "repository", "bugs"],
  ...["type", "engines", "sideEffects", "bin", "exports", "files", "dependencies"],
];

const ours = JSON.parse(readFileSync(join(projectRoot, "package.json"), "utf8"));

class PackError extends Error {}

async function main() {
  const options = { out: { type: "string" }, "no-build": { type: "boolean" } };
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const out = resolve(values.out ?? join(projectRoot, "build", "packages"));
  const names = ["fewbit", ...optionalNames];
  const unknown = positionals.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new PackError(`${unknown}: the packages are ${names.join(", ")}`);
  const wanted = positionals.length > 0 ? positionals : names;

  if (!values["no-build"] && wanted.includes("fewbit")) buildProgram();
  mkdirSync(out, { recursive: true });
  for (const name of wanted) {
    const stage = join(out, "stage", name);
    rmSync(stage, { recursive: true, force: true });
    mkdirSync(stage, { recursive: true });
    const target = platforms.find((each) => each.name === name);
    const reason =
      name === kernelPackage
        ? await stageKernels(stage)
        : target === undefined
          ? stageProgram(stage)
          : await stageLibrary(stage, target);
    if (reason === undefined) console.log(pack(stage, out));
    else if (positionals.length > 0) throw new PackError(`${name}: ${reason}`);
    else console.error(`pack: left out ${name}: ${reason}`);
  }
  rmSync(join(out, "stage"), { recursive: true, force: true });
}

function stageProgram(stage) {
  // What speaks to users; scripts and devDependencies are a checkout's.
  const manifest = Object.fromEntries(
    publishedFields.flatMap((field) => (field in ours ? [[field, ours[field]]] : [])),
  );
  const optionalDependencies = Object.fromEntries(optionalNames.map((name) => [name, ours.version]));
  writeManifest(stage, { ...manifest, optionalDependencies });
  for (const folder of ["bin", "dist"])
    cpSync(join(projectRoot, folder), join(stage, folder), {
      recursive: true,
      filter: (path) => !basename(path).startsWith("."), // notes of the build
    });
  // `fewbit --help` names the page of variables.
  for (const file of ["LICENSE", "NOTICE", "docs/env.md"]) cpSync(join(projectRoot, file), join(stage, file));
  writeFileSync(join(stage, "README.md"), readmeOfPackage());
  return undefined;
}

/** The README without what shows or is about files which only a checkout has. */
function readmeOfPackage() {
  const readme = readFileSync(join(projectRoot, "README.md"), "utf8");
  const shortened = readme.replace(/^## Work on it\n[^]*?(?=^Apache-2\.0)/m, "");
  if (shortened === readme) throw new PackError('README.md has no part "Work on it" in front of its last line');
  return shortened.replace(/^!\[[^\]]*\]\(docs\/[^)]*\)\n\n/gm, "");
}

/** Undefined, or why the library cannot be made here. */
async function stageLibrary(stage, target) {
  const compiler = compilerFor(target);
  if (compiler === undefined) return `there is no ${target.cc} here`;
  const { library, skipped } = await buildNative(compiler);
  if (library === undefined) return skipped;
  const glibc = target.libc === "glibc" ? checkGlibc(library) : undefined;

  const { version, license, homepage, repository } = ours;
  writeManifest(stage, {
    name: target.name,
    version,
    description: `The CPU kernels of fewbit for ${target.platform} on ${target.arch}`,
    license,
    type: "commonjs",
    homepage,
    repository,
    os: [target.platform],
    cpu: [target.arch],
    ...(target.libc !== undefined && { libc: [target.libc] }),
    exports: { [`./${basename(library)}`]: `./${basename(library)}`, "./package.json": "./package.json" },
    files: [basename(library)],
    preferUnplugged: true, // Yarn must not leave it in a zip, from which no system loads a library
  });
  cpSync(library, join(stage, basename(library)));
  cpSync(join(projectRoot, "LICENSE"), join(stage, "LICENSE"));
  const needs = glibc === undefined ? "" : ` It needs glibc ${glibc} or newer.`;
  writeFileSync(
    join(stage, "README.md"),
    `# ${target.name}\n\nThe CPU kernels of [fewbit](https://www.npmjs.com/package/fewbit) for ${target.platform} on ${target.arch}, compiled from ` +
      `\`native/cpu\`.${needs} npm installs it with \`fewbit\` where it fits; nothing else is meant to use it.\n`,
  );
  return undefined;
}

/** Undefined, or why the kernels cannot be made here. */
async function stageKernels(stage) {
  const { folder, skipped } = await buildCuda();
  if (folder === undefined) return skipped;
  const files = ["kernels.json", ...readdirSync(folder).filter((file) => file.endsWith(".fatbin"))];
  const { version, license, homepage, repository } = ours;
  writeManifest(stage, {
    name: kernelPackage,
    version,
    description: "The CUDA kernels of fewbit",
    license,
    type: "commonjs",
    homepage,
    repository,
    os: ["linux", "win32"],
    cpu: ["x64", "arm64"],
    exports: { "./kernels.json": "./kernels.json", "./package.json": "./package.json" },
    files,
  });
  for (const file of files) cpSync(join(folder, file), join(stage, file));
  cpSync(join(projectRoot, "LICENSE"), join(stage, "LICENSE"));
  writeFileSync(
    join(stage, "README.md"),
    `# ${kernelPackage}\n\nThe CUDA kernels of [fewbit](https://www.npmjs.com/package/fewbit), compiled from \`native/cuda\` for compute capability 8.0 ` +
      "and 9.0, with PTX for what comes later. They need driver 580 or newer. npm installs them with `fewbit`; nothing else is meant to use them.\n",
  );
  return undefined;
}

/** What buildNative is told; undefined: nothing here compiles for the target. */
function compilerFor({ platform, arch, cc }) {
  const fits = (compiler) => compiler?.platform === platform && compiler.arch === arch;
  if (fits(findCompiler())) return {};
  try {
    return fits(findCompiler(cc)) ? { cc } : undefined;
  } catch (error) {
    if (error instanceof NativeBuildError) return undefined;
    throw error;
  }
}

/** The newest version of glibc that a library asks for: the names stand in its table of strings. */
function checkGlibc(library) {
  const asked = readFileSync(library, "latin1").matchAll(/GLIBC_(\d+)\.(\d+)/g);
  const [newest] = [...asked].map(([, major, minor]) => [+major, +minor]).sort((a, b) => b[0] - a[0] || b[1] - a[1]);
  if (newest === undefined) throw new PackError(`${library} asks for no glibc: was it compiled for musl?`);
  const version = newest.join(".");
  if (newest[0] > newestGlibc[0] || newest[1] > newestGlibc[1])
    throw new PackError(
      `${library} asks for glibc ${version}, and Node runs from ${newestGlibc.join(".")} on: \`objdump -T\` shows which ` +
        "function it is, native/cpu/glibc_floor.h is where it is asked for in an older version",
    );
  return version;
}

function writeManifest(stage, manifest) {
  writeFileSync(join(stage, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** Path of the tarball. */
function pack(stage, out) {
  const { name, version } = JSON.parse(readFileSync(join(stage, "package.json"), "utf8"));
  const args = ["pack", stage, "--pack-destination", out, "--ignore-scripts", "--silent", "--offline"];
  if (npm(args, ["ignore", "ignore", "inherit"]) !== 0) throw new PackError(`npm pack failed for ${name}`);
  return join(out, `${name.replace("@", "").replace("/", "-")}-${version}.tgz`);
}

try {
  await main();
} catch (error) {
  if (
    !(error instanceof PackError) &&
    !(error instanceof NativeBuildError) &&
    !error.code?.startsWith("ERR_PARSE_ARGS")
  )
    throw error;
  console.error(`pack: ${error.message}`);
  process.exitCode = 1;
}
