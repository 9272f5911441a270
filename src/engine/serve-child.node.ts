import type { OnLoadProgress } from "../util/load-progress.ts";
import type { ChildMessage, OpenMessage, ParentMessage } from "./child-wire.ts";
import type { Engine } from "./engine.ts";
import { ipcPort } from "./ipc-port.node.ts";
import { serveEngine } from "./serve-engine.ts";
import { encodeError, type EngineCommand } from "./wire.ts";

/**
 * The main program of a child process that startChildEngine has forked: opens the engine with the parent's options, serves it, and
 * exits when it is disposed of. Exits as well when the parent goes away, however that happens: the channel closes with it.
 *
 * `open` gets whatever the parent passed as `options`, on whose type the two modules agree; its `onProgress`, which is there where the
 * parent listens, tells the parent.
 */
export function serveChild(open: (options: never, onProgress?: OnLoadProgress) => Promise<Engine>): void {
  if (process.send === undefined) throw new Error("this module runs only as a child process with an IPC channel");
  // Ctrl-C in a terminal reaches children too; the parent decides what it means.
  process.on("SIGINT", () => undefined);
  process.on("disconnect", () => process.exit());

  const channel = ipcPort<ParentMessage, ChildMessage>(process);
  const port: typeof channel = {
    ...channel,
    post(message) {
      // What broke the device for good (a GPU's context after an illegal address) is this process' end, not its requests'.
      if (message.type === "request-failed" && message.error.code === "crashed") {
        console.error(`fewbit: ${message.error.message}`);
        process.exit(1);
      }
      channel.post(message);
    },
  };
  let handleCommand: (command: EngineCommand) => void = () => undefined;
  const onProgress: OnLoadProgress = (progress) => port.post({ type: "progress", progress });
  const serve = async ({ options, wantsProgress }: OpenMessage) => {
    const engine = await open(options as never, wantsProgress ? onProgress : undefined);
    await serveEngine(engine, { post: port.post, onMessage: (handler) => (handleCommand = handler) });
  };
  port.onMessage((message) => {
    if (message.type !== "open") handleCommand(message);
    else
      serve(message)
        .catch((error: unknown) => port.post({ type: "open-failed", error: encodeError(error) }))
        // Closing the channel sends what is in it first, and leaves the process nothing to wait for.
        .finally(() => setImmediate(() => process.disconnect()));
  });
}
