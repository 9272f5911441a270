import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { launcher } from "../cli/fewbit.ts";

/** `fewbit serve` as a process. */
export interface ServeProcess {
  readonly url: string;
  readonly pid: number;
  readonly child: ChildProcess;
  /** What it has written to stderr so far. */
  readonly stderr: () => string;
  /** Of the process with the engine; undefined while there is none. */
  readonly enginePid: () => number | undefined;
  /** Waits for its exit. */
  readonly exited: Promise<number | null>;
}

/** With all that makes an answer the same whatever its neighbours are. */
export const exactFlags = ["--dtype", "f32", "--cpu-activations", "f32"] as const;

/** Starts it and waits until it is ready. */
export async function startServe(args: readonly string[]): Promise<ServeProcess> {
  const child = spawn(process.execPath, [launcher, "serve", "--port", "0", "--json", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const ready = once(child.stdout.setEncoding("utf8"), "data").then(([line]) => line as string);
  const line = await Promise.race([
    ready,
    exited.then((code) => Promise.reject(new Error(`serve ended with ${code}: ${stderr}`))),
  ]);
  const { url } = JSON.parse(line) as { readonly url: string };
  const pid = child.pid!;
  return { url, pid, child, exited, stderr: () => stderr, enginePid: () => childrenOf(pid)[0] };
}

/** Processes whose parent this one is; none where there is no /proc. */
function childrenOf(parent: number): readonly number[] {
  if (!existsSync("/proc/self/stat")) return [];
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => fieldsOf(pid)?.[1] === String(parent) && fieldsOf(pid)?.[0] !== "Z");
}

/** Whether a process runs; one that has ended and waits for its parent to notice does not. */
export function isAlive(pid: number): boolean {
  const state = fieldsOf(pid)?.[0];
  return state !== undefined && state !== "Z";
}

/** State, parent and so on of a process: what stands behind its name. */
function fieldsOf(pid: number): readonly string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}

/** Resident bytes of a process; undefined where there is no /proc, or no such process. */
export function residentBytes(pid: number): number | undefined {
  try {
    const kilobytes = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return kilobytes === undefined ? undefined : 1024 * Number(kilobytes);
  } catch {
    return undefined;
  }
}
