import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { basename, join } from "node:path";
import { expect } from "vitest";

export const root = join(import.meta.dirname, "..", "..");

export interface Run {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

export function run(command: string, args: readonly string[], { cwd = root, env = process.env }: RunOptions = {}): Run {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, env, encoding: "utf8" });
  return { status, stdout, stderr: error === undefined ? stderr : error.message };
}

/** Runs a module of ours or of a dependency in a Node of its own; it must succeed. */
export function runNode(args: readonly string[], options?: RunOptions): Run {
  const result = run(process.execPath, args, options);
  expect(result.status, result.stdout + result.stderr).toBe(0);
  return result;
}

/** Makes the tarballs of the named packages for real, from what `npm run build` made; their paths, in the same order. */
export function pack(out: string, ...names: readonly string[]): string[] {
  const script = join(root, "scripts", "pack.mjs");
  const paths = runNode([script, "--no-build", "--out", out, ...names])
    .stdout.trim()
    .split("\n");
  expect(paths).toHaveLength(names.length);
  return paths;
}

/** Unpacks a tarball into `folder`; the folder of the package in it. */
export function unpack(tarball: string, folder: string): string {
  const into = join(folder, basename(tarball, ".tgz"));
  mkdirSync(into, { recursive: true });
  const { status, stderr } = run("tar", ["-xzf", tarball, "-C", into]);
  expect(status, stderr).toBe(0);
  return join(into, "package");
}
