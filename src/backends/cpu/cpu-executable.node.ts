import type { Executable } from "../../device/backend.ts";
import { checkStep } from "../../device/check-step.ts";
import type { Program } from "../../device/program.ts";
import { StepBlock } from "../../device/step-block.ts";
import type { Step, StepLimits, StepResult } from "../../device/step.ts";
import { RequestError } from "../../util/errors.ts";
import type { CpuWeight } from "./cpu-weight.node.ts";
import type { NativeLibrary, Pointer } from "./native-library.node.ts";

/** One asynchronous call of the library a step: no thread of JavaScript waits while it runs. */
export class CpuExecutable implements Executable {
  readonly limits: StepLimits;
  readonly byteLength: number;
  readonly #library: NativeLibrary;
  readonly #program: Program;
  /** Kept alive: the library holds their addresses. */
  #weights: readonly CpuWeight[];
  readonly #block = new StepBlock();
  #pointer: Pointer;
  readonly #onDispose: () => void;
  #running: Promise<void> | undefined;
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
    if (this.#running !== undefined) throw new RequestError("step: another step of this executable is still running");
    checkStep(this.#program, this.limits, step);
    for (const { pointer } of this.#weights) void pointer; // throws where a weight was disposed of
    this.#block.write(step);
    const logits =
      step.wantsLogits === true ? new Float32Array(step.outputs.length * this.#program.vocabSize) : undefined;
    const hidden =
      step.wantsHidden === true
        ? new Float32Array(step.outputs.length * (this.#program.hidden?.width ?? 0))
        : undefined;
    this.#running = this.#library.step(
      this.#pointer,
      this.#block.words,
      logits?.length ? logits : null,
      hidden?.length ? hidden : null,
    );
    try {
      await this.#running;
    } finally {
      this.#running = undefined;
    }
    return this.#block.result(logits, hidden);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const pointer = this.#pointer;
    this.#pointer = 0n;
    await this.#running?.catch(() => undefined); // whoever runs the step is told
    this.#library.executableClose(pointer);
    this.#weights = [];
    this.#onDispose();
  }
}
