import { createInterface, type Completer, type Key } from "node:readline";
import { Readable } from "node:stream";
import type { ReadStream } from "node:tty";
import type { ChatInterruption } from "./chat-interruption.ts";
import type { InputHistory } from "./input-history.ts";
import { Keyboard } from "./keyboard.ts";
import { MessageReader, type Message } from "./message-reader.ts";
import type { MessageSource } from "./message-source.ts";

export interface TerminalMessagesOptions {
  readonly input: ReadStream;
  readonly output: NodeJS.WriteStream;
  readonly history: InputHistory;
  readonly interruption: ChatInterruption;
  readonly completer: Completer;
  /** Before a message, and before every further line of it. */
  readonly prompts: { readonly first: string; readonly further: string };
}

/** Ctrl-C: what has been typed is forgotten, and another message begins. */
const again = Symbol("again");

/**
 * Messages that somebody types, with the line editing of readline. It is there for one message at a time: while an answer is
 * written it would draw its prompt into it whenever the terminal changes its size.
 */
export class TerminalMessages implements MessageSource {
  readonly #options: TerminalMessagesOptions;
  readonly #keyboard: Keyboard;

  constructor(options: TerminalMessagesOptions) {
    this.#options = options;
    const { input, output, interruption } = options;
    this.#keyboard = new Keyboard({ input, output, onInterrupt: () => interruption.interrupt() });
  }

  async next(): Promise<Message | undefined> {
    const { history, interruption } = this.#options;
    while (!interruption.signal.aborted) {
      const message = await this.#edit();
      if (message === again) continue;
      if (message !== undefined) history.add(message.text);
      return message;
    }
    return undefined;
  }

  [Symbol.dispose](): void {
    this.#keyboard[Symbol.dispose]();
  }

  #edit(): Promise<Message | undefined | typeof again> {
    const { output, history, interruption, prompts, completer } = this.#options;
    const { signal } = interruption;
    const keys = new Readable({ read: () => undefined });
    const lines = createInterface({
      input: keys,
      output,
      terminal: true,
      history: [...history.entries],
      completer,
      removeHistoryDuplicates: true,
    });
    const reader = new MessageReader();
    let isPasting = false;
    keys.on("keypress", (_: string | undefined, { name }: Key) => {
      if (name === "paste-start") isPasting = true;
      if (name === "paste-end") isPasting = false;
    });
    const prompt = (): void => {
      lines.setPrompt(reader.isOpen ? prompts.further : prompts.first);
      lines.prompt();
    };
    return new Promise((resolve) => {
      const end = (message: Message | undefined | typeof again): void => {
        signal.removeEventListener("abort", leave);
        this.#keyboard.close();
        lines.off("close", leave);
        lines.close();
        resolve(message);
      };
      // The line that is left is not whole: what comes next begins on another.
      const leave = (): void => {
        output.write("\n");
        end(undefined);
      };
      lines.on("close", leave); // Ctrl-D, or the terminal is gone
      signal.addEventListener("abort", leave);
      lines.on("line", (line) => {
        const message = reader.push(line, isPasting);
        if (message === undefined) prompt();
        else end(message);
      });
      lines.on("SIGINT", () => {
        if (lines.line === "" && !reader.isOpen) {
          interruption.interrupt(); // which warns, or leaves
          if (signal.aborted) return;
        } else {
          interruption.disarm();
          lines.write(null, { ctrl: true, name: "e" }); // below the line, however long it is
          output.write("^C\n");
        }
        end(again);
      });
      prompt();
      this.#keyboard.open(keys, () => lines.prompt(true));
    });
  }
}
