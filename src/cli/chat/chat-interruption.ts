import { endingSignalNames, endingSignals, exitStatus, type EndingSignal } from "../exit-status.ts";

/**
 * Ctrl-C in a conversation: it stops the answer under way, and the next one leaves; where no answer is under way, the first
 * only warns. Before the first message (the model loads), and where nobody reads warnings, it leaves at once, as other
 * signals that end the program always do. Leaving fires `signal`.
 */
export class ChatInterruption implements Disposable {
  readonly #leaving = new AbortController();
  readonly #onWarn: (() => void) | undefined;
  #answer: AbortController | undefined;
  /** The next one leaves. */
  #isArmed = true;

  /** `onWarn` says that another one would leave. */
  constructor(onWarn?: () => void) {
    this.#onWarn = onWarn;
    for (const name of endingSignalNames) process.on(name, this.#receive);
  }

  /** Fires when the user leaves. */
  get signal(): AbortSignal {
    return this.#leaving.signal;
  }

  /** The user has said something: what came before is forgotten. */
  disarm(): void {
    this.#isArmed = false;
  }

  /** Runs an answer, which ends by its signal when it is stopped. */
  async during<Result>(answer: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
    this.#answer = new AbortController();
    try {
      return await answer(this.#answer.signal);
    } finally {
      this.#answer = undefined;
    }
  }

  /** What Ctrl-C does; a terminal in raw mode sends no signal, so that whoever reads it calls this. */
  interrupt(): void {
    if (this.signal.aborted) process.exit(exitStatus.interrupted);
    const isIdle = this.#answer === undefined;
    if (this.#isArmed || (isIdle && this.#onWarn === undefined)) this.#leaving.abort();
    else if (isIdle) this.#onWarn?.();
    this.#isArmed = true;
    this.#answer?.abort();
  }

  [Symbol.dispose](): void {
    for (const name of endingSignalNames) process.off(name, this.#receive);
  }

  readonly #receive = (name: EndingSignal): void => {
    if (name === "SIGINT") return this.interrupt();
    if (this.signal.aborted) process.exit(endingSignals[name]);
    this.#leaving.abort();
    this.#answer?.abort();
  };
}
