import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { UnsupportedError } from "../../util/errors.ts";

/** Where a library is looked for, and for which machine. */
export interface LibraryPlace {
  /** Path of a library that is taken whatever the rest says. */
  readonly override?: string | undefined;
  /** As process.platform and process.arch have them. */
  readonly platform: string;
  readonly arch: string;
  /** Whether the system's C library is musl, for which the packages hold nothing. */
  readonly isMusl: () => boolean;
  /** Where this program lies: that of a module of the sources or of the bundle. */
  readonly module: URL;
}

/** This process. */
export function thisPlace(): LibraryPlace {
  const { platform, arch, env } = process;
  return { override: env.FEWBIT_CPU_LIBRARY, platform, arch, isMusl, module: new URL(import.meta.url) };
}

/**
 * Path of the native library: what FEWBIT_CPU_LIBRARY names, else what this checkout has compiled, else what the package of
 * this platform holds. Throws UnsupportedError saying what was looked for and what to do.
 */
export function findLibrary({ override, platform, arch, isMusl, module }: LibraryPlace): string {
  if (override) {
    if (existsSync(override)) return override;
    throw new UnsupportedError(`FEWBIT_CPU_LIBRARY names ${override}, which does not exist`);
  }
  const file = `libfewbit-cpu.${{ darwin: "dylib", win32: "dll" }[platform] ?? "so"}`;
  const compiled = `build/native/${platform}-${arch}/${file}`;
  // From the bundle in dist/ and from the sources in src/backends/cpu/.
  for (const up of ["..", "../../.."]) {
    const path = fileURLToPath(new URL(`${up}/${compiled}`, module));
    if (existsSync(path)) return path;
  }

  const machine = `${platform}-${arch}`;
  const compile =
    'in a checkout with a C compiler "npm run build:native" makes one, and FEWBIT_CPU_LIBRARY tells an installed fewbit its path';
  if (platform === "linux" && isMusl())
    throw new UnsupportedError(
      `there is no native library for ${machine} with musl, only for systems with glibc; ${compile}`,
    );
  const packageName = `@fewbit/cpu-${machine}`;
  try {
    return createRequire(module).resolve(`${packageName}/${file}`);
  } catch (cause) {
    throw new UnsupportedError(
      `there is no native library for ${machine}: the optional package ${packageName} is not installed, and there is no ` +
        `${compiled}; ${compile}`,
      { cause },
    );
  }
}

/** Node tells the version of glibc that it runs on; the report takes milliseconds, so whoever has no musl at all skips it. */
function isMusl(): boolean {
  const names: Partial<Record<string, string>> = { x64: "x86_64", arm64: "aarch64" };
  if (!existsSync(`/lib/ld-musl-${names[process.arch] ?? process.arch}.so.1`)) return false;
  const { header } = process.report.getReport() as { readonly header: { readonly glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime === undefined;
}
