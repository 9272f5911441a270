import { AbortedError } from "./errors.ts";

/** Throws AbortedError, with the signal's reason as cause, when `signal` has fired. `what` names the work given up. */
export function throwIfAborted(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted) throw new AbortedError(`${what}: aborted`, { cause: signal.reason });
}
