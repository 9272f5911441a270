import { endingSignalNames, endingSignals, exitStatus, type EndingSignal } from "./exit-status.ts";

/**
 * Watches for signals from the first line of the program to the last. Where no command has taken charge of a signal (it
 * parses flags, or waits for standard input) the program leaves at once; else the command ends in order, and then the
 * status says which signal it was.
 */
export class SignalWatch implements Disposable {
  #status: number = exitStatus.interrupted;

  constructor() {
    for (const name of endingSignalNames) process.on(name, this.#receive);
  }

  /** What an interrupted program ends with. */
  get status(): number {
    return this.#status;
  }

  [Symbol.dispose](): void {
    for (const name of endingSignalNames) process.off(name, this.#receive);
  }

  readonly #receive = (name: EndingSignal): void => {
    this.#status = endingSignals[name];
    if (process.listenerCount(name) === 1) process.exit(this.#status);
  };
}
