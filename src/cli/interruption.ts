import { AbortedError } from "../util/errors.ts";
import { exitStatus } from "./exit-status.ts";

/**
 * Ctrl-C for the time of one command: the first asks for an end through the signal, so that what is open is closed; the
 * second does not wait. Dispose it when the command is over.
 */
export class Interruption implements Disposable {
  readonly #controller = new AbortController();

  constructor() {
    process.on("SIGINT", this.#interrupt);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Throws AbortedError when Ctrl-C has come: for commands whose work ends without an error then. */
  check(): void {
    if (this.signal.aborted) throw new AbortedError("interrupted");
  }

  [Symbol.dispose](): void {
    process.off("SIGINT", this.#interrupt);
  }

  readonly #interrupt = (): void => {
    if (this.signal.aborted) process.exit(exitStatus.interrupted);
    this.#controller.abort();
  };
}
