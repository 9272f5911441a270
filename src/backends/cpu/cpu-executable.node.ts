import type { Executable } from "../../device/backend.ts";
import { checkStep } from "../../device/check-step.ts";
import type { Program } from "../../device/program.ts";
import { StepBlock } from "../../device/step-block.ts";
import type { Step, StepLimits, StepResult } from "../../device/step.ts";
import { RequestError } from "../../util/errors.ts";
import type { CpuWeight } from "./cpu-weight.node.ts";
import type { NativeLibrary, Pointer } from "./native-library.node.ts";

/**
 * One asynchronous call of the library a step: no thread of JavaScript waits while it runs. A further step waits in the library and
 * starts as the one before it ends, so that a host that is called late costs the device nothing.
 */
export class CpuExecutable implements Executable {
  readonly limits: StepLimits;
  readonly byteLength: number;
  readonly runsAhead = true;
  readonly #library: NativeLibrary;
  readonly #program: Program;
  /** Kept alive: the library holds their addresses. */
  #weights: readonly CpuWeight[];
  /** Taken in turns: one is read while the next is written. */
  readonly #blocks = [new StepBlock(), new StepBlock()] as const;
  readonly #running = new Set<Promise<void>>();
  #pointer: Pointer;
  readonly #onDispose: () => void;
  #turn = 0;
  #closing: Promise<void> | undefined;

  constructor(
    library: NativeLibrary,
    pointer: Pointer,
    program: Program,
    limits: StepLimits,
    weights: readonly CpuWeight[],
    onDispose: () => void,
  ) {
    this.#library = library;
    this.#pointer = pointer;
    this.#program = program;
    this.limits = limits;
    this.#weights = weights;
    this.#onDispose = onDispose;
    this.byteLength = library.executableBytes(pointer);
  }

  async step(step: Step): Promise<StepResult> {
    if (this.#pointer === 0n) throw new RequestError("step: the executable was disposed of before");
    if (this.#running.size === this.#blocks.length)
      throw new RequestError(`step: ${this.#running.size} steps of this executable have not ended yet`);
    checkStep(this.#program, this.limits, step);
    for (const { pointer } of this.#weights) void pointer; // throws where a weight was disposed of
    const block = this.#blocks[this.#turn % 2];
    block.write(step);
    const logits =
      step.wantsLogits === true ? new Float32Array(step.outputs.length * this.#program.vocabSize) : undefined;
    const hidden =
      step.wantsHidden === true
        ? new Float32Array(step.outputs.length * (this.#program.hidden?.width ?? 0))
        : undefined;
    const running = this.#library.step(
      this.#pointer,
      block.words,
      logits?.length ? logits : null,
      hidden?.length ? hidden : null,
      this.#turn,
    );
    this.#turn = (this.#turn + 1) % 2 ** 31;
    this.#running.add(running);
    try {
      await running;
    } finally {
      this.#running.delete(running);
    }
    return block.result(logits, hidden);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const pointer = this.#pointer;
    this.#pointer = 0n;
    await Promise.allSettled(this.#running); // whoever runs the steps is told
    this.#library.executableClose(pointer);
    this.#weights = [];
    this.#onDispose();
  }
}
