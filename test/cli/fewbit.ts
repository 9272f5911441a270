import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { fixtures } from "../support/fixtures.ts";

const root = join(import.meta.dirname, "..", "..");
export const launcher = join(root, "bin", "fewbit.mjs");

/** What `npm run build` made; `npm test` makes it anew before. */
export const isBuilt = existsSync(join(root, "dist", "cli.mjs"));
if (!isBuilt) console.log("skipped: there is no dist/, npm run build makes it");

/** The embedded model takes minutes without the native library. */
export const hasNative = existsSync(join(root, "build", "native", `${process.platform}-${process.arch}`));
if (!hasNative) console.log("skipped: what needs build/native, npm run build:native makes it");

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface FewbitOptions {
  /** On standard input, which ends behind it unless it is open. */
  readonly input?: string;
  readonly isOpen?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  /** Called while the program runs. */
  readonly during?: (child: ChildProcess) => void;
}

/** Runs the built program to its end. A program that does not end is killed with the test. */
export async function fewbit(args: readonly string[], options: FewbitOptions = {}): Promise<Outcome> {
  const { input = "", isOpen = false, env = {}, during } = options;
  const child = spawn(process.execPath, [launcher, ...args], {
    env: { ...process.env, NO_COLOR: "1", ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  child.stdin.on("error", () => undefined); // it may end before it has read all
  child.stdin.write(input);
  if (!isOpen) child.stdin.end();
  during?.(child);
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, stdout, stderr };
}

/** The one JSON value that a successful run prints. */
export async function fewbitJson<Value>(args: readonly string[], options?: FewbitOptions): Promise<Value> {
  const { code, stdout, stderr } = await fewbit([...args, "--json"], options);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as Value;
}

/** Status, nothing on stdout, and one line on stderr that explains it. */
export function expectFailure({ code, stdout, stderr }: Outcome, status: number, message: RegExp): void {
  expect({ code, stdout }).toEqual({ code: status, stdout: "" });
  expect(stderr).toMatch(/^fewbit: [^\n]+\n$/);
  expect(stderr).toMatch(message);
}

export interface GoldenModel {
  readonly path: string;
  readonly promptIds: readonly number[];
  readonly greedyIds: readonly number[];
  readonly weights: Readonly<Record<string, { readonly shape: readonly number[]; readonly sha256: string }>>;
}

/** A checkpoint of test/fixtures with what an exact engine gets out of it: "arch/llama3". */
export function golden(name: string): GoldenModel {
  const path = join(fixtures, name);
  const expected = JSON.parse(readFileSync(join(path, "expected.json"), "utf8")) as {
    readonly prompt_ids: readonly number[];
    readonly greedy_ids: readonly number[];
    readonly weights: GoldenModel["weights"];
  };
  return { path, promptIds: expected.prompt_ids, greedyIds: expected.greedy_ids, weights: expected.weights };
}

/** A folder that is gone when the test is over. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "fewbit-cli-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** Flags that make every backend compute in f32 throughout. */
export const exact = ["--dtype", "f32", "--cpu-activations", "f32"] as const;
