import type { Message } from "./message-reader.ts";

/** Where messages come from: somebody at a terminal, or a pipe. */
export interface MessageSource extends Disposable {
  /** The next message; undefined: there is none, or the user leaves. */
  next(): Promise<Message | undefined>;
}
