import type { Executable } from "../../device/backend.ts";
import { checkStep } from "../../device/check-step.ts";
import type { Step, StepLimits, StepResult } from "../../device/step.ts";
import { RequestError } from "../../util/errors.ts";
import type { CudaContext } from "./cuda-context.node.ts";
import type { LoadedProgram } from "./loaded-program.ts";
import { StepPlace } from "./step-place.node.ts";

/** One, and one that is handed over meanwhile. */
const mostRunning = 2;

/**
 * A step is a copy of its arrays, one graph (or the kernels by themselves), and a copy of its results, all in order; then a wait for which no
 * thread of JavaScript is held. A second step may be handed over while one runs: the device goes on to it by itself.
 */
export class CudaExecutable implements Executable {
  readonly limits: StepLimits;
  readonly byteLength: number;
  readonly runsAhead = true;
  readonly #context: CudaContext;
  readonly #loaded: LoadedProgram;
  readonly #places: StepPlace[];
  readonly #running = new Map<StepPlace, Promise<StepResult>>();
  #isDisposed = false;

  /** Takes the memory of `loaded`; its weights are borrowed. */
  constructor(context: CudaContext, loaded: LoadedProgram, limits: StepLimits) {
    this.#context = context;
    this.#loaded = loaded;
    this.limits = limits;
    this.#places = [new StepPlace(context, loaded)];
    this.byteLength = loaded.byteLength;
  }

  async step(step: Step): Promise<StepResult> {
    if (this.#isDisposed) throw new RequestError("step: the executable was disposed of before");
    if (this.#running.size >= mostRunning)
      throw new RequestError(`step: ${mostRunning} steps of this executable are still running`);
    checkStep(this.#loaded.program, this.limits, step);
    for (const { descriptor } of this.#loaded.weights) void descriptor; // throws where a weight was disposed of
    const place = this.#freePlace();
    const result = place.run(step);
    this.#running.set(place, result);
    try {
      return await result;
    } finally {
      this.#running.delete(place);
    }
  }

  #freePlace(): StepPlace {
    const free = this.#places.find((place) => !this.#running.has(place));
    if (free !== undefined) return free;
    const place = new StepPlace(this.#context, this.#loaded);
    this.#places.push(place);
    return place;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    await Promise.allSettled(this.#running.values()); // whoever runs the steps is told
    for (const place of this.#places) place[Symbol.dispose]();
    for (const memory of this.#loaded.memory) this.#context.free(memory);
  }
}
