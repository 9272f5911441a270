import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";

/**
 * Every function of the kernel tables against the portable ones (check_kernels.c), in the library that runs here, in one with
 * sanitizers, and in the arm64 library under an emulator. Linux only: elsewhere a library's name says where it was linked.
 */

const root = join(import.meta.dirname, "..", "..");
const scratch = mkdtempSync(join(tmpdir(), "fewbit-kernels-"));
afterAll(() => rmSync(scratch, { recursive: true }));

interface Run {
  readonly status: number | null;
  readonly output: string;
}

function run(command: string, args: readonly string[]): Run {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: root, encoding: "utf8" });
  return { status, output: error === undefined ? stdout + stderr : error.message };
}

const sanitizers = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"];

interface Variant {
  readonly label: string;
  readonly compiler: string;
  /** What build-native.mjs is told. */
  readonly build: readonly string[];
  readonly flags: readonly string[];
  /** What runs a program; empty: this machine. */
  readonly emulator: readonly string[];
  readonly instructionSets: readonly string[];
}

const host = ["portable", "avx2", "avx512", "neon"];
const variants: readonly Variant[] = [
  { label: "this machine", compiler: "cc", build: [], flags: [], emulator: [], instructionSets: host },
  {
    label: "this machine, with sanitizers",
    compiler: "cc",
    // -O0: the unrolled kernels with a check at every access take an optimiser minutes.
    build: ["--build-folder", "build/sanitized", `--flags=-O0 ${sanitizers.join(" ")}`],
    flags: sanitizers,
    emulator: [],
    instructionSets: host,
  },
  {
    label: "arm64, emulated",
    compiler: "aarch64-linux-gnu-gcc",
    build: ["--target", "aarch64"],
    flags: [],
    // The cross compiler's own C library.
    emulator: ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"],
    instructionSets: ["portable", "neon"],
  },
];

/** Undefined: it can be built and run here. */
function reasonToSkip({ compiler, emulator: [emulator], flags }: Variant): string | undefined {
  if (process.platform !== "linux") return `this is ${process.platform}, not linux`;
  for (const tool of [compiler, ...(emulator === undefined ? [] : [emulator])])
    if (run(tool, ["--version"]).status !== 0) return `there is no ${tool}`;
  const program = join(scratch, "empty");
  const probe = ["-x", "c", "-", ...flags, "-o", program];
  const { status } = spawnSync(compiler, probe, { input: "int main(void) { return 0; }" });
  return status === 0 ? undefined : `${compiler} does not link ${["programs", ...flags].join(" ")}`;
}

/** Builds the library of a variant and the program over it; the path of the program. */
function build({ label, compiler, build, flags }: Variant): string {
  const built = run(process.execPath, ["scripts/build-native.mjs", ...build]);
  expect(built.status, built.output).toBe(0);
  const library = join(root, built.output.trim().split("\n").at(-1)!);
  const program = join(scratch, label.replaceAll(/\W+/g, "-"));
  const warnings = ["-Wall", "-Wextra", "-Werror"];
  const linking = [library, `-Wl,-rpath,${dirname(library)}`, "-lm"];
  const source = ["-std=gnu11", "-O1", "-Inative/cpu", "test/native/check_kernels.c"];
  const compiled = run(compiler, [...source, ...warnings, ...flags, ...linking, "-o", program]);
  expect(compiled.status, compiled.output).toBe(0);
  return program;
}

describe.each(variants)("kernels of $label", (variant) => {
  const reason = reasonToSkip(variant);
  if (reason !== undefined) console.log(`skipped: kernels of ${variant.label}: ${reason}`);
  test.skipIf(reason !== undefined)(
    "do what the portable ones do",
    () => {
      const program = build(variant);
      const summaries = variant.instructionSets.map((isa) => {
        const [command, ...args] = [...variant.emulator, program, isa];
        const { status, output } = run(command, args);
        if (status === 2) return `${isa}: does not run here`;
        expect(status, output).toBe(0);
        return output.trim();
      });
      console.log(`${variant.label}: ${summaries.join("; ")}`);
      expect(summaries[0]).toMatch(/^portable: \d+ checks, 0 failures$/);
      if (variant.emulator.length > 0) expect(summaries[1]).toMatch(/^neon: \d+ checks, 0 failures$/);
    },
    300_000,
  );
});
