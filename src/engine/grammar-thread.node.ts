import { Worker } from "node:worker_threads";
import type { Automaton } from "../text/grammar/automaton.ts";
import type { GrammarSpec } from "../text/grammar/grammar-spec.ts";
import { RequestError } from "../util/errors.ts";
import type { GrammarReply } from "./serve-grammars.node.ts";
import { decodeError } from "./wire.ts";

/** Grammars are compiled in less than 100 ms of CPU: what takes so long hangs, or the machine does. */
const longestMs = 10_000;
/** Far above what grammars take within the budget of their compiler. */
const maxHeapMegabytes = 256;
/** Compiling makes many small things that are soon forgotten: with Node's 48 a quarter of the time goes into clearing them away. */
const youngHeapMegabytes = 128;

interface Task {
  readonly spec: GrammarSpec;
  readonly resolve: (automaton: Automaton) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Compiles grammars one by one in a thread of their own, so that nobody else waits for them. It is started for the first, does not
 * keep the process alive while it has nothing to do, and is replaced when a grammar has brought it down, which is refused then.
 */
export class GrammarThread {
  readonly #modulePath: URL;
  /** The first is under way. */
  readonly #tasks: Task[] = [];
  #worker: Worker | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** A module that Node can run and that calls `serveGrammars`. */
  constructor(modulePath: URL) {
    this.#modulePath = modulePath;
  }

  /** Rejects with what compileGrammar throws. */
  compile(spec: GrammarSpec): Promise<Automaton> {
    return new Promise((resolve, reject) => {
      if (this.#tasks.push({ spec, resolve, reject }) === 1) this.#begin();
    });
  }

  #begin(): void {
    clearTimeout(this.#timer);
    const [task] = this.#tasks;
    if (task === undefined) {
      this.#worker?.unref();
      return;
    }
    const worker = (this.#worker ??= this.#start());
    worker.ref();
    worker.postMessage(task.spec);
    this.#timer = setTimeout(() => this.#lose(worker, `more than ${longestMs / 1000} s`), longestMs);
  }

  #start(): Worker {
    const worker = new Worker(this.#modulePath, {
      execArgv: [], // a debugger's port can be had once only
      resourceLimits: { maxOldGenerationSizeMb: maxHeapMegabytes, maxYoungGenerationSizeMb: youngHeapMegabytes },
    });
    worker.on("message", ({ automaton, error }: GrammarReply) => {
      const task = this.#tasks.shift();
      if (automaton !== undefined) task?.resolve(automaton);
      else task?.reject(decodeError(error));
      this.#begin();
    });
    worker.on("error", (error) => this.#lose(worker, `more memory than it may (${error.message})`));
    worker.on("exit", (code) => this.#lose(worker, `its thread with it (exit code ${code})`));
    return worker;
  }

  /** Goes on without this thread, and without what it was doing. */
  #lose(worker: Worker, cost: string): void {
    if (worker !== this.#worker) return;
    this.#worker = undefined;
    void worker.terminate();
    this.#tasks.shift()?.reject(new RequestError(`the grammar is too large: compiling it took ${cost}`));
    this.#begin();
  }
}
