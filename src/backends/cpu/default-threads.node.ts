import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";

/**
 * Physical cores that the process may use: what affinity and the control group leave it, less the second threads of its cores. Two
 * threads on one core share the arithmetic units, of which one thread already keeps all busy.
 */
export function defaultThreads(): number {
  return Math.max(1, Math.min(availableParallelism(), groupLimit(), physicalCores()));
}

/** Processors that a control group (version 2 or 1) grants, in whole ones; Infinity where there is no limit or no such file. */
function groupLimit(): number {
  const [quota, period] = readWords("/sys/fs/cgroup/cpu.max") ?? [
    ...(readWords("/sys/fs/cgroup/cpu/cpu.cfs_quota_us") ?? []),
    ...(readWords("/sys/fs/cgroup/cpu/cpu.cfs_period_us") ?? []),
  ];
  const limit = Number(quota) / Number(period);
  return limit > 0 ? Math.ceil(limit) : Infinity;
}

/** Infinity where the system does not say. */
function physicalCores(): number {
  const folder = "/sys/devices/system/cpu";
  try {
    const cores = readdirSync(folder)
      .filter((name) => /^cpu\d+$/.test(name))
      .map((name) => readWords(`${folder}/${name}/topology/thread_siblings_list`)?.[0])
      .filter((siblings) => siblings !== undefined);
    return new Set(cores).size || Infinity;
  } catch {
    return Infinity;
  }
}

function readWords(path: string): string[] | undefined {
  try {
    return readFileSync(path, "utf8").trim().split(/\s+/);
  } catch {
    return undefined;
  }
}
