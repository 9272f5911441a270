import type { EventEmitter } from "node:events";
import type { ReadStream } from "node:tty";

const interruptKey = 0x03;
const suspendKey = 0x1a;
const lineKeys = [0x0d, 0x0a];
/** What is typed ahead beyond this is lost: somebody has pasted a book while nobody reads. */
const mostTypedAhead = 1 << 20;

/** https://invisible-island.net/xterm/ctlseqs/ctlseqs.html, "Bracketed Paste Mode". */
const pasteMode = { on: "\x1b[?2004h", off: "\x1b[?2004l" };

export interface KeyboardOptions {
  readonly input: ReadStream;
  readonly output: NodeJS.WriteStream;
  /** Ctrl-C while nobody reads keys. */
  readonly onInterrupt: () => void;
}

/**
 * The keys of a terminal, one by one and without an echo. While a prompt is open they go to the stream that readline reads, a
 * line at a time: the prompt may close between two lines that come together. At other times they are kept for the next prompt, but
 * for Ctrl-C. Ctrl-Z leaves the terminal as it was until the program is brought back. What is pasted comes in brackets.
 */
export class Keyboard implements Disposable {
  readonly #options: KeyboardOptions;
  #typedAhead: Uint8Array[] = [];
  #typedAheadLength = 0;
  #keys: EventEmitter | undefined;
  #onResume: (() => void) | undefined;

  constructor(options: KeyboardOptions) {
    this.#options = options;
    const { input } = options;
    input.on("data", this.#receive);
    input.on("end", this.#end);
    process.on("SIGCONT", this.#takeTerminal);
    process.on("exit", this.#leaveTerminal);
    this.#takeTerminal();
  }

  /** From now on keys are the data of `keys`, those that were kept first. `onResume` draws the prompt again. */
  open(keys: EventEmitter, onResume: () => void): void {
    this.#keys = keys;
    this.#onResume = onResume;
    const typed = this.#typedAhead;
    this.#typedAhead = [];
    this.#typedAheadLength = 0;
    for (const bytes of typed) this.#receive(bytes);
  }

  /** From now on keys are kept. */
  close(): void {
    this.#keys = undefined;
    this.#onResume = undefined;
  }

  [Symbol.dispose](): void {
    const { input } = this.#options;
    input.off("data", this.#receive);
    input.off("end", this.#end);
    process.off("SIGCONT", this.#takeTerminal);
    process.off("exit", this.#leaveTerminal);
    this.#leaveTerminal();
    input.pause();
  }

  readonly #receive = (bytes: Uint8Array): void => {
    let start = 0;
    for (let i = 0; i < bytes.length; i++) {
      const isSuspend = bytes[i] === suspendKey && process.platform !== "win32";
      if (isSuspend || (bytes[i] === interruptKey && this.#keys === undefined)) {
        this.#hand(bytes.subarray(start, i));
        start = i + 1;
        if (isSuspend) this.#suspend();
        else this.#options.onInterrupt();
      } else if (lineKeys.includes(bytes[i])) {
        this.#hand(bytes.subarray(start, i + 1));
        start = i + 1;
      }
    }
    this.#hand(bytes.subarray(start));
  };

  #hand(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    // Not through a stream's buffer, which would hand on what comes after a line when the prompt is closed.
    if (this.#keys !== undefined) this.#keys.emit("data", Buffer.from(bytes));
    else if (this.#typedAheadLength + bytes.length <= mostTypedAhead) {
      this.#typedAheadLength += bytes.length;
      this.#typedAhead.push(Uint8Array.from(bytes));
    }
  }

  #suspend(): void {
    this.#leaveTerminal();
    process.kill(process.pid, "SIGTSTP");
  }

  readonly #takeTerminal = (): void => {
    const { input, output } = this.#options;
    input.setRawMode(true);
    input.resume();
    output.write(pasteMode.on);
    this.#onResume?.();
  };

  readonly #leaveTerminal = (): void => {
    const { input, output } = this.#options;
    output.write(pasteMode.off);
    input.setRawMode(false);
  };

  readonly #end = (): void => {
    this.#keys?.emit("end");
  };
}
