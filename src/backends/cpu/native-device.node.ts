import { OutOfMemoryError, RequestError } from "../../util/errors.ts";
import type { NativeLibrary, Pointer } from "./native-library.node.ts";

/** Threads of the library. What runs on them when they are closed ends first; whatever comes later is refused. */
export class NativeDevice {
  readonly #library: NativeLibrary;
  readonly #running = new Set<Promise<unknown>>();
  #pointer: Pointer;
  #closing: Promise<void> | undefined;

  /** `shares`: the threads are those of all other devices that share as many. Throws OutOfMemoryError where they cannot be started. */
  constructor(library: NativeLibrary, threads: number, isa: string, shares: boolean) {
    this.#library = library;
    this.#pointer = library.deviceOpen(threads, isa, shares ? 1 : 0);
    if (this.#pointer === 0n) throw new OutOfMemoryError(`cpu: ${threads} threads could not be started`);
  }

  /** For calls that return before anything else can happen. Throws RequestError once it has been closed. */
  get pointer(): Pointer {
    if (this.#closing !== undefined) throw new RequestError("cpu: the device was closed before");
    return this.#pointer;
  }

  /** Makes a call that goes on while JavaScript does. Throws as `pointer`, and what the call throws. */
  async run<Result>(call: (device: Pointer) => Promise<Result>): Promise<Result> {
    const running = call(this.pointer);
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }

  /** `first` is what has to end before the threads do. May be called again. */
  close(first: () => Promise<unknown> = () => Promise.resolve()): Promise<void> {
    this.#closing ??= this.#close(first);
    return this.#closing;
  }

  async #close(first: () => Promise<unknown>): Promise<void> {
    await first();
    await Promise.allSettled(this.#running); // whoever runs them is told
    this.#library.deviceClose(this.#pointer);
    this.#pointer = 0n;
  }
}
