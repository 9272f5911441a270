import type { Backend, BackendName, Device, DeviceOptions } from "../device/backend.ts";
import { RequestError, UnsupportedError } from "../util/errors.ts";
import type { Warn } from "../util/warn-once.ts";

/**
 * Opens the backend of that name, or with "auto" the first of the list that can run here. "auto" passes over the others with one
 * warning that has their reasons, but for those whose hardware is not here: a slower path is never taken silently.
 *
 * Throws RequestError for a name that is not in the list, UnsupportedError where no backend can run.
 */
export async function openDevice(
  backends: readonly Backend[],
  name: BackendName | "auto",
  options: DeviceOptions,
  warn: Warn,
): Promise<Device> {
  if (name !== "auto") {
    const backend = backends.find((candidate) => candidate.name === name);
    if (backend === undefined) {
      const names = ["auto", ...backends.map((candidate) => candidate.name)].join(", ");
      throw new RequestError(`there is no backend ${name} here; it must be one of ${names}`);
    }
    return backend.open(options);
  }
  const reasons: string[] = [];
  const worthSaying: string[] = [];
  for (const backend of backends) {
    const report = await backend.probe();
    if (report.available) {
      if (worthSaying.length > 0) warn(`using the ${backend.name} backend, because ${worthSaying.join("; ")}`);
      return backend.open(options);
    }
    const reason = `${backend.name} cannot run: ${report.detail}`;
    reasons.push(reason);
    if (report.lacksHardware !== true) worthSaying.push(reason);
  }
  throw new UnsupportedError(`no backend can run here: ${reasons.join("; ")}`);
}
