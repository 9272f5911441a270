import { fork, type ChildProcess } from "node:child_process";
import { AbortedError, CrashError } from "../util/errors.ts";
import type { OnLoadProgress } from "../util/load-progress.ts";
import type { ChildMessage, ParentMessage } from "./child-wire.ts";
import type { Engine } from "./engine.ts";
import type { EngineProcess } from "./engine-process.ts";
import { ipcPort } from "./ipc-port.node.ts";
import { RemoteEngine } from "./remote-engine.ts";
import { decodeError, type EngineCommand, type EngineReply, type Port } from "./wire.ts";

export interface ChildEngineOptions {
  /** A module that Node can run and that calls `serveChild`. */
  readonly modulePath: string | URL;
  /** Plain data; the child's `open` gets a copy. */
  readonly options: unknown;
  /** Gives up opening, and ends the child. Without effect once the engine is open. */
  readonly signal?: AbortSignal | undefined;
  /** Told what the child's `open` tells. */
  readonly onProgress?: OnLoadProgress | undefined;
  /** How long disposing waits for the step in flight before it kills the child; absent: 10 s. */
  readonly disposeTimeoutMs?: number;
}

/** A child that does not say a word for so long when it is to end has been stopped, or hangs. */
const silenceMs = 2_000;

/**
 * Starts a child process and opens an engine in it, so that what native code can do to a process happens to that one.
 *
 * When the child dies, its requests fail with CrashError, and so do later ones: SupervisedEngine starts another one. Throws what the child's `open` threw, CrashError
 * where the child died before it was ready, or AbortedError. What the child prints goes to stderr: stdout belongs to the parent.
 */
export async function startChildEngine(options: ChildEngineOptions): Promise<EngineProcess> {
  const { modulePath, signal, onProgress, disposeTimeoutMs = 10_000 } = options;
  if (signal?.aborted) throw new AbortedError("opening the engine: aborted", { cause: signal.reason });
  // Without the flags of this process: a debugger's port can be had once only.
  const child = fork(modulePath, [], { execArgv: [], serialization: "advanced", stdio: ["ignore", 2, 2, "ipc"] });
  const end = endOf(child);
  const port = ipcPort<ChildMessage, ParentMessage>(child);
  const onAbort = () => child.kill("SIGKILL");
  signal?.addEventListener("abort", onAbort);
  try {
    port.post({ type: "open", options: options.options, wantsProgress: onProgress !== undefined });
    const engine = await Promise.race([connect(port, onProgress), end.then((error) => Promise.reject(error))]);
    void end.then((error) => engine.fail(error));
    return new OwnedChild(engine, child, end, disposeTimeoutMs);
  } catch (error) {
    child.kill("SIGKILL");
    await end;
    if (signal?.aborted) throw new AbortedError("opening the engine: aborted", { cause: signal.reason });
    throw error;
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
}

/** Settles when the process is gone (or never came to be), with the error that its requests fail with. */
function endOf(child: ChildProcess): Promise<CrashError> {
  return new Promise((resolve) => {
    // Every one of them: an error event that nobody hears would end this process.
    child.on("error", (cause) => {
      if (child.pid === undefined)
        resolve(new CrashError(`the engine's process did not start: ${cause.message}`, { cause }));
    });
    child.once("exit", (code, signal) => {
      const how = signal === null ? `exited with code ${code}` : `was killed by ${signal}`;
      resolve(new CrashError(`the engine's process (pid ${child.pid}) ${how}`));
    });
  });
}

/** The child's engine once it is open; throws what opening threw, or what the listener throws. */
function connect(
  port: Port<ChildMessage, ParentMessage>,
  onProgress: OnLoadProgress | undefined,
): Promise<RemoteEngine> {
  return new Promise((resolve, reject) => {
    const enginePort: Port<EngineReply, EngineCommand> = {
      post: port.post,
      onMessage: (handler) =>
        port.onMessage((message) => {
          if (message.type === "progress") {
            try {
              onProgress?.(message.progress);
            } catch (error) {
              reject(error instanceof Error ? error : new Error(String(error), { cause: error }));
            }
          } else if (message.type === "open-failed") reject(decodeError(message.error));
          else handler(message);
        }),
    };
    RemoteEngine.connect(enginePort).then(resolve, reject);
  });
}

/** A remote engine with the process that it lives in. */
class OwnedChild implements EngineProcess {
  readonly info: Engine["info"];
  readonly ended: Promise<CrashError>;
  readonly #engine: RemoteEngine;
  readonly #child: ChildProcess;
  readonly #disposeTimeoutMs: number;

  constructor(engine: RemoteEngine, child: ChildProcess, ended: Promise<CrashError>, disposeTimeoutMs: number) {
    this.info = engine.info;
    this.#engine = engine;
    this.#child = child;
    this.ended = ended;
    this.#disposeTimeoutMs = disposeTimeoutMs;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  generate(...parameters: Parameters<Engine["generate"]>): ReturnType<Engine["generate"]> {
    return this.#engine.generate(...parameters);
  }

  stats(): ReturnType<Engine["stats"]> {
    return this.#engine.stats();
  }

  get health(): Engine["health"] {
    return this.#engine.health;
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  /** Settles when the process is gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    const kill = (): void => this.kill();
    const timer = setTimeout(kill, this.#disposeTimeoutMs);
    const silence = setTimeout(kill, Math.min(silenceMs, this.#disposeTimeoutMs));
    const answered = (): void => clearTimeout(silence);
    try {
      // A step runs on threads of its own: whoever lives answers this at once.
      this.#engine.stats().then(answered, answered);
      await this.#engine[Symbol.asyncDispose]();
      await this.ended;
    } finally {
      clearTimeout(timer);
      answered();
    }
  }
}
