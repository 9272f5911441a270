import { AbortedError } from "../util/errors.ts";
import { endingSignalNames, endingSignals, type EndingSignal } from "./exit-status.ts";

/**
 * Ctrl-C, or a signal that ends the program, for the time of one command: the first asks for an end through the signal, so
 * that what is open is closed; the second does not wait. Dispose it when the command is over.
 */
export class Interruption implements Disposable {
  readonly #controller = new AbortController();

  constructor() {
    for (const name of endingSignalNames) process.on(name, this.#interrupt);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Throws AbortedError when Ctrl-C has come: for commands whose work ends without an error then. */
  check(): void {
    if (this.signal.aborted) throw new AbortedError("interrupted");
  }

  [Symbol.dispose](): void {
    for (const name of endingSignalNames) process.off(name, this.#interrupt);
  }

  readonly #interrupt = (name: EndingSignal): void => {
    if (this.signal.aborted) process.exit(endingSignals[name]);
    this.#controller.abort();
  };
}
