import { exitStatus } from "../exit-status.ts";

/**
 * Ctrl-C in a conversation: it stops the answer under way, and the next one leaves; where no answer is under way, the first
 * only warns. Before the first message (the model loads) it leaves at once. Leaving fires `signal`.
 */
export class ChatInterruption implements Disposable {
  readonly #leaving = new AbortController();
  readonly #onWarn: () => void;
  #answer: AbortController | undefined;
  /** The next one leaves. */
  #isArmed = true;

  /** `onWarn` says that another one would leave. */
  constructor(onWarn: () => void) {
    this.#onWarn = onWarn;
    process.on("SIGINT", this.interrupt);
  }

  /** Fires when the user leaves. */
  get signal(): AbortSignal {
    return this.#leaving.signal;
  }

  get isAnswering(): boolean {
    return this.#answer !== undefined;
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
  readonly interrupt = (): void => {
    if (this.signal.aborted) process.exit(exitStatus.interrupted);
    if (this.#isArmed) this.#leaving.abort();
    else if (this.#answer === undefined) this.#onWarn();
    this.#isArmed = true;
    this.#answer?.abort();
  };

  [Symbol.dispose](): void {
    process.off("SIGINT", this.interrupt);
  }
}
