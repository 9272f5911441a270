import type { Serializable } from "node:child_process";
import type { Port } from "./wire.ts";

/** What `process` and a ChildProcess have in common when there is an IPC channel between them. */
export interface IpcEnd {
  send?(message: Serializable, callback: (error: Error | null) => void): boolean;
  on(event: "message", listener: (messages: unknown) => void): unknown;
}

/**
 * A port over Node's IPC channel, which must have "advanced" serialization: typed arrays cross as they are.
 *
 * A message costs some 10 µs whatever its size, and a step yields one for each of its sequences. So all that is posted in one turn
 * of the event loop crosses as one array: nextTick runs after all promises of the turn, and before any other work.
 */
export function ipcPort<Incoming, Outgoing>(end: IpcEnd): Port<Incoming, Outgoing> {
  let outbox: Outgoing[] = [];
  const flush = () => {
    // A channel that closes meanwhile is not an error here: the other side's end is what its owner listens for.
    end.send?.(outbox, () => undefined);
    outbox = [];
  };
  return {
    post(message) {
      if (outbox.push(message) === 1) process.nextTick(flush);
    },
    onMessage(handler) {
      end.on("message", (messages) => {
        for (const message of messages as Incoming[]) handler(message);
      });
    },
  };
}
