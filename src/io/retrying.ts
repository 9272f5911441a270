import { throwIfAborted } from "../util/abort.ts";
import { FewbitError, IoError } from "../util/errors.ts";

/** How patiently a server is asked. */
export interface Patience {
  /** How often a request is tried before its error is thrown; default 5. A transfer that advances starts over. */
  readonly attempts?: number;
  /** Wait before the second attempt, doubled each time, up to 10 s; default 250. A server's Retry-After comes first. */
  readonly backoffMs?: number;
  /** A connection that delivers nothing for so long counts as dropped; default 30,000. */
  readonly stallMs?: number;
}

export interface RetryOptions extends Patience {
  /** What is asked for, for messages. */
  readonly label: string;
  /** The caller's: AbortedError. */
  readonly signal?: AbortSignal | undefined;
  /** Another reason to give up, with the error that says so: whoever asks is closed. */
  readonly closing?: { readonly signal: AbortSignal; readonly error: () => Error };
}

/** An error that another attempt may cure; `error` is what to throw when it does not. */
export class Transient extends Error {
  readonly error: IoError;
  readonly retryAfterMs: number | undefined;

  constructor(error: IoError, retryAfterMs?: number) {
    super(error.message);
    this.error = error;
    this.retryAfterMs = retryAfterMs;
  }
}

/** One attempt: its signal, and the clock that drops it when nothing arrives. */
export interface Connection {
  readonly signal: AbortSignal;
  received(byteLength: number): void;
}

const longestBackoffMs = 10_000;
/** A server that wants a longer pause than this is asking for the user's decision, not for patience. */
const longestRetryAfterMs = 60_000;
/** A transfer that came this far before it broke works: its attempts are counted anew. */
const progressBytes = 2 ** 20;

/**
 * Runs `attempt` until it succeeds, fails for good, or has failed too often in a row without getting anywhere. What we
 * throw ourselves is final unless it is a Transient; what fetch and a body's stream throw is a broken connection.
 */
export async function retrying<Result>(
  options: RetryOptions,
  attempt: (connection: Connection) => Promise<Result>,
): Promise<Result> {
  const { label, signal, closing, attempts = 5, backoffMs = 250, stallMs = 30_000 } = options;
  const throwIfGivenUp = (): void => {
    throwIfAborted(signal, label);
    if (closing?.signal.aborted) throw closing.error();
  };
  // Listeners rather than AbortSignal.any: that one keeps a trace of every attempt on a long-lived signal.
  const signals = [signal, closing?.signal].filter((one) => one !== undefined);
  let failures = 0;
  for (;;) {
    throwIfGivenUp();
    let received = 0;
    const controller = new AbortController();
    const abort = (): void => controller.abort();
    let stall = setTimeout(abort, stallMs);
    const connection: Connection = {
      signal: controller.signal,
      received: (byteLength) => {
        received += byteLength;
        clearTimeout(stall);
        stall = setTimeout(abort, stallMs);
      },
    };
    for (const one of signals) one.addEventListener("abort", abort);
    let failure: Transient;
    try {
      return await attempt(connection);
    } catch (error) {
      throwIfGivenUp();
      failure = asTransient(error, label, controller.signal.aborted);
    } finally {
      clearTimeout(stall);
      for (const one of signals) one.removeEventListener("abort", abort);
    }
    failures = received >= progressBytes ? 1 : failures + 1;
    const retryAfter = failure.retryAfterMs ?? 0;
    if (failures >= attempts || retryAfter > longestRetryAfterMs) throw failure.error;
    // Jitter, so that the reads that one outage broke do not all come back at the same moment.
    const backoff = Math.min(backoffMs * 2 ** (failures - 1), longestBackoffMs) * (0.5 + Math.random() / 2);
    await pause(Math.max(retryAfter, backoff), signals);
  }
}

function asTransient(error: unknown, label: string, stalled: boolean): Transient {
  if (error instanceof Transient) return error;
  if (stalled) return new Transient(new IoError(`${label}: the server stopped sending`));
  if (error instanceof FewbitError) throw error;
  const reason = error instanceof Error ? (error.cause instanceof Error ? error.cause.message : error.message) : "";
  return new Transient(new IoError(`${label}: the connection failed: ${reason}`, { cause: error }));
}

function pause(ms: number, signals: readonly AbortSignal[]): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      for (const one of signals) one.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    for (const one of signals) one.addEventListener("abort", done);
  });
}
