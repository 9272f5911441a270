import { CrashError, RequestError } from "../util/errors.ts";
import type { Engine, EngineEvent, EngineHealth, EngineInfo, EngineStats, GenerationRequest } from "./engine.ts";
import type { EngineProcess } from "./engine-process.ts";
import { EventQueue } from "./event-queue.ts";
import { SupervisedTask } from "./supervised-task.ts";
import { Watchdog, type WatchdogOptions } from "./watchdog.ts";

export interface SupervisionOptions extends WatchdogOptions {
  /** Starts a process with the model: once now, and anew after each crash; must give up when the signal fires. */
  readonly open: (signal: AbortSignal) => Promise<EngineProcess>;
  /** Gives up the first opening. */
  readonly signal?: AbortSignal | undefined;
  /** Told why the process was lost, each time. */
  readonly onCrash?: ((error: CrashError) => void) | undefined;
  /** Crashes without one finished answer between them after which the engine has failed. Default 8. */
  readonly mostCrashes?: number | undefined;
  /** How long to wait before the process is started for the nth time in a row; default 0, 250 ms, and twice as long each time, to 30 s. */
  readonly backOffMs?: ((crashes: number) => number) | undefined;
}

/** A request that was alone to blame for so many crashes is not tried again. */
const mostBlames = 3;

/** A process that has lived for so long has left the crashes before it behind. */
const calmMs = 60_000;

/** Opening anew may take this much longer than at first, when files were in no cache; beyond, it hangs. */
const reopenFactor = 10;
const leastReopenMs = 60_000;

/**
 * An engine in a process that may crash or hang: it is started again, and what was running is submitted anew with what has been said.
 * Since random numbers are a function of seed and position, and rows do not depend on their neighbours, the answers go on as they
 * would have: whoever reads them sees a pause.
 *
 * One request may be what kills the process each time. So after a crash requests come back one by one, each when the one before it
 * has said a word; a process that dies then shows who did it, and who has done it three times fails alone. Where no answer ends
 * between `mostCrashes` crashes, no request is to blame: the engine has failed, and so do its requests.
 */
export class SupervisedEngine implements Engine {
  readonly #options: SupervisionOptions;
  readonly #watchdog: Watchdog;
  readonly #disposing = new AbortController();
  readonly #reopenTimeoutMs: number;
  /** Undefined while there is none. */
  #process: EngineProcess | undefined;
  #info: EngineInfo;
  #health: EngineHealth = { state: "ready" };
  /** All requests, in order of arrival. */
  readonly #tasks = new Set<SupervisedTask>();
  /** Those that are to be submitted, in this order. */
  #held: SupervisedTask[] = [];
  /** Whether requests are submitted one by one, since some of them may have been what crashed. */
  #isCautious = false;
  /** The last that was submitted so; undefined: it has said a word. */
  #onTrial: SupervisedTask | undefined;
  #crashes = 0;
  #restarts = 0;
  #hang: string | undefined;
  #watch: ReturnType<typeof setInterval> | undefined;
  /** Settles when the process that is being lost has a successor, or there is to be none. */
  #recovery: Promise<void> = Promise.resolve();
  #disposal: Promise<void> | undefined;

  /** Throws what the first opening throws. */
  static async start(options: SupervisionOptions): Promise<SupervisedEngine> {
    const start = performance.now();
    const process = await options.open(options.signal ?? new AbortController().signal);
    return new SupervisedEngine(options, process, performance.now() - start);
  }

  private constructor(options: SupervisionOptions, process: EngineProcess, openMs: number) {
    this.#options = options;
    this.#watchdog = new Watchdog(options);
    this.#reopenTimeoutMs = Math.max(leastReopenMs, reopenFactor * openMs);
    this.#info = process.info;
    this.#adopt(process);
  }

  get info(): EngineInfo {
    return this.#info;
  }

  get health(): EngineHealth {
    return this.#health;
  }

  /** Of the process that there is now, for whoever looks after it. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  generate(request: GenerationRequest, signal?: AbortSignal): AsyncIterable<EngineEvent> {
    const cancellation = new AbortController();
    const cancel = (): void => {
      cancellation.abort();
      if (this.#held.includes(task)) this.#cancelHeld(task);
    };
    const events = new EventQueue<EngineEvent>(cancel);
    const onEnd = (): void => signal?.removeEventListener("abort", cancel);
    const task = new SupervisedTask(request, events, cancellation, onEnd);
    if (this.#health.state === "failed") {
      events.fail(this.#failure());
      return events;
    }
    this.#tasks.add(task);
    this.#held.push(task);
    signal?.addEventListener("abort", cancel);
    if (signal?.aborted) cancel();
    this.#submitHeld();
    return events;
  }

  async stats(): Promise<EngineStats> {
    const held = this.#held.length;
    const restarts = this.#restarts;
    try {
      const stats = await this.#process?.stats();
      if (stats !== undefined) return { ...stats, waiting: stats.waiting + held, restarts };
    } catch (error) {
      if (!(error instanceof CrashError)) throw error;
    }
    const nothing = { running: 0, pagesUsed: 0, pagesCached: 0, pagesTotal: 0, preemptions: 0, steps: 0 };
    return { ...nothing, waiting: this.#tasks.size, restarts };
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposal ??= this.#dispose();
    return this.#disposal;
  }

  async #dispose(): Promise<void> {
    this.#health = { state: "failed", reason: "the engine has been disposed; it takes no more requests" };
    this.#disposing.abort();
    clearInterval(this.#watch);
    for (const task of [...this.#held]) this.#cancelHeld(task);
    await this.#process?.[Symbol.asyncDispose]();
    await this.#recovery;
    await this.#followed();
    // Those that a process took along which did not end in order.
    for (const task of [...this.#tasks]) {
      this.#retire(task);
      task.events.fail(this.#failure());
    }
  }

  /** Takes a process that is ready, and gives it what waits. */
  #adopt(process: EngineProcess): void {
    this.#process = process;
    this.#info = process.info;
    this.#health = { state: "ready" };
    const ready = performance.now();
    this.#recovery = process.ended.then((error) => this.#recover(error, performance.now() - ready));
    this.#watchdog.rest();
    this.#watch = setInterval(() => this.#check(process), this.#watchdog.intervalMs);
    this.#watch.unref?.();
    this.#submitHeld();
  }

  #check(process: EngineProcess): void {
    if (this.#held.length === this.#tasks.size) {
      this.#watchdog.rest();
      return;
    }
    this.#hang = this.#watchdog.ask();
    if (this.#hang !== undefined) process.kill();
    // Its end is heard of elsewhere.
    else
      process.stats().then(
        (stats) => this.#watchdog.hear(stats),
        () => undefined,
      );
  }

  /** The process is gone: brings up another one, until that works or there have been too many. */
  async #recover(error: CrashError, livedMs: number): Promise<void> {
    const { pid } = this.#process ?? {};
    this.#process = undefined;
    clearInterval(this.#watch);
    if (this.#disposal !== undefined) return;
    if (livedMs >= calmMs) this.#crashes = 0;
    let reason =
      this.#hang === undefined
        ? error
        : new CrashError(`the engine's process (pid ${pid}) ${this.#hang} and was killed`);
    this.#hang = undefined;
    this.#health = { state: "restarting", reason: reason.message };
    // What the process has said before its end is on its way to those who follow it.
    await this.#followed();
    this.#blame(reason);
    this.#onTrial = undefined;
    this.#isCautious = true;
    const hasSpoken = ({ said }: SupervisedTask): number => Number(said.length > 0);
    this.#held = [...this.#tasks].sort((a, b) => hasSpoken(b) - hasSpoken(a));
    const { onCrash, mostCrashes = 8, backOffMs = defaultBackOffMs } = this.#options;
    for (;;) {
      onCrash?.(reason);
      if (++this.#crashes >= mostCrashes) return this.#giveUp(reason);
      await wait(backOffMs(this.#crashes), this.#disposing.signal);
      if (this.#disposal !== undefined) return;
      try {
        const process = await this.#reopen();
        this.#restarts++;
        if (this.#disposal === undefined) this.#adopt(process);
        else await process[Symbol.asyncDispose]();
        return;
      } catch (cause) {
        if (this.#disposal !== undefined) return;
        reason = new CrashError(`the engine could not be started again: ${messageOf(cause)}`, { cause });
        this.#health = { state: "restarting", reason: reason.message };
      }
    }
  }

  async #followed(): Promise<void> {
    await Promise.all([...this.#tasks].map(({ following }) => following));
  }

  async #reopen(): Promise<EngineProcess> {
    const timeout = AbortSignal.timeout(this.#reopenTimeoutMs);
    const process = await this.#options.open(AbortSignal.any([this.#disposing.signal, timeout]));
    const { vocabSize, contextLength } = this.#info;
    if (process.info.vocabSize === vocabSize && process.info.contextLength >= contextLength) return process;
    await process[Symbol.asyncDispose]();
    throw new RequestError("the model's files are not those that were opened first");
  }

  /** Whoever was alone with the process when it ended may have done it. */
  #blame(error: CrashError): void {
    const submitted = [...this.#tasks].filter((task) => !this.#held.includes(task));
    const suspect = this.#onTrial ?? (submitted.length === 1 ? submitted[0] : undefined);
    if (suspect === undefined || !this.#tasks.has(suspect) || ++suspect.blames < mostBlames) return;
    this.#retire(suspect);
    const message = `the engine's process ended ${mostBlames} times on this request: ${error.message}`;
    suspect.events.fail(new CrashError(message, { cause: error }));
  }

  #giveUp(reason: CrashError): void {
    this.#health = {
      state: "failed",
      reason: `the engine has crashed ${this.#crashes} times without finishing an answer, and is not started again; the last time: ${reason.message}`,
    };
    this.#held = [];
    for (const task of [...this.#tasks]) {
      this.#retire(task);
      task.events.fail(this.#failure());
    }
  }

  #failure(): Error {
    const reason = this.#health.state === "ready" ? "" : this.#health.reason;
    return this.#disposal === undefined ? new CrashError(reason) : new RequestError(reason);
  }

  #submitHeld(): void {
    while (this.#process !== undefined && this.#held.length > 0 && this.#onTrial === undefined) {
      const task = this.#held.shift()!;
      if (this.#isCautious) this.#onTrial = task;
      task.following = this.#follow(task, this.#process);
    }
    if (this.#held.length === 0 && this.#onTrial === undefined) this.#isCautious = false;
  }

  /** Passes on what the process says to a request. Never throws. */
  async #follow(task: SupervisedTask, process: EngineProcess): Promise<void> {
    const { events } = task;
    try {
      for await (const event of process.generate(task.remainder(), task.cancellation.signal)) {
        if (event.type === "token") {
          task.say(event);
          this.#clear(task);
        } else if (event.type === "embedding") events.push(event);
        else {
          if (event.reason !== "cancelled") this.#crashes = 0;
          this.#retire(task);
          events.push(task.withTimes(event));
          events.end();
        }
      }
    } catch (error) {
      // It stays a task, and is held when the process is found to be gone.
      if (error instanceof CrashError) return;
      this.#retire(task);
      events.fail(error);
    }
  }

  /** The task has got past what may have been its fault. */
  #clear(task: SupervisedTask): void {
    if (this.#onTrial !== task) return;
    this.#onTrial = undefined;
    this.#submitHeld();
  }

  #retire(task: SupervisedTask): void {
    this.#tasks.delete(task);
    task.onEnd();
    this.#clear(task);
  }

  /** Ends a request that no process knows of. */
  #cancelHeld(task: SupervisedTask): void {
    this.#held.splice(this.#held.indexOf(task), 1);
    this.#retire(task);
    const usage = { promptTokens: task.request.promptIds.length, cachedTokens: 0, completionTokens: task.said.length };
    const finished = { type: "finished", reason: "cancelled", usage } as const;
    task.events.push(task.withTimes({ ...finished, timings: { queuedMs: 0, prefillMs: 0, decodeMs: 0 } }));
    task.events.end();
  }
}

function defaultBackOffMs(crashes: number): number {
  return crashes <= 1 ? 0 : Math.min(30_000, 250 * 2 ** (crashes - 2));
}

function wait(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
