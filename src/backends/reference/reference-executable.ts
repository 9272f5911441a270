import type { Executable } from "../../device/backend.ts";
import { checkStep } from "../../device/check-step.ts";
import { opCountOf, type BufferRows, type Op, type View } from "../../device/program.ts";
import type { Step, StepLimits, StepResult } from "../../device/step.ts";
import { RequestError } from "../../util/errors.ts";
import { activate } from "./activate.ts";
import { add } from "./add.ts";
import { attention } from "./attention.ts";
import { embed } from "./embed.ts";
import { expertLinear } from "./expert-linear.ts";
import { expertSum } from "./expert-sum.ts";
import { gather } from "./gather.ts";
import { glu } from "./glu.ts";
import { layerNorm } from "./layer-norm.ts";
import { linear } from "./linear.ts";
import { regroup } from "./regroup.ts";
import { rmsNorm } from "./rms-norm.ts";
import { ropeWrite } from "./rope-write.ts";
import { route } from "./route.ts";
import { RunningStep, type Memory } from "./running-step.ts";
import { sample } from "./sample.ts";
import { softCap } from "./soft-cap.ts";
import { TimeSlice } from "./time-slice.ts";

export class ReferenceExecutable implements Executable {
  readonly limits: StepLimits;
  readonly byteLength: number;
  #memory: Memory | undefined;
  #isRunning = false;

  /** Takes the memory; the weights in it are borrowed. */
  constructor(memory: Memory, limits: StepLimits) {
    this.limits = limits;
    this.#memory = memory;
    const arrays = [...memory.buffers, ...memory.caches.map(({ values }) => values), memory.lastSamples];
    this.byteLength = arrays.reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  async step(step: Step): Promise<StepResult> {
    const memory = this.#memory;
    if (memory === undefined) throw new RequestError("step: the executable was disposed of before");
    if (this.#isRunning) throw new RequestError("step: another step of this executable is still running");
    checkStep(memory.program, this.limits, step);
    this.#isRunning = true;
    try {
      return await run(memory, step);
    } finally {
      this.#isRunning = false;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#memory = undefined;
  }
}

async function run(memory: Memory, step: Step): Promise<StepResult> {
  const { ops, buffers, vocabSize } = memory.program;
  const rows: Record<BufferRows, number> = { tokens: step.tokens.length, outputs: step.outputs.length };
  const wantsLogits = step.sampling !== undefined || step.wantsLogits === true;
  const running = new RunningStep(memory, step, emptyResult(step, vocabSize));
  const slice = new TimeSlice();
  for (const op of ops.slice(0, opCountOf(memory.program, wantsLogits || step.wantsHidden !== true))) {
    const written = writtenView(op);
    const count = rows[buffers[written.buffer].rows];
    for (let row = 0; row < count; row++) {
      runRow(running, op, row);
      memory.rounding.apply(running.row(written, row), written.buffer);
      if (slice.isSpent) await slice.rest();
    }
  }
  const { hidden } = memory.program;
  if (step.wantsHidden !== true || hidden === undefined) return running.result;
  return { ...running.result, hidden: memory.buffers[hidden.buffer].slice(0, rows.outputs * hidden.width) };
}

/** A view whose rows the op goes through. */
function writtenView(op: Op): View {
  switch (op.op) {
    case "rope-write":
      return op.q;
    case "sample":
      return op.logits;
    default:
      return op.out;
  }
}

function runRow(running: RunningStep, op: Op, row: number): void {
  switch (op.op) {
    case "embed":
      return embed(running, op, row);
    case "rms-norm":
      return rmsNorm(running, op, row);
    case "layer-norm":
      return layerNorm(running, op, row);
    case "linear":
      return linear(running, op, row);
    case "glu":
      return glu(running, op, row);
    case "activate":
      return activate(running, op, row);
    case "soft-cap":
      return softCap(running, op, row);
    case "add":
      return add(running, op, row);
    case "regroup":
      return regroup(running, op, row);
    case "route":
      return route(running, op, row);
    case "expert-linear":
      return expertLinear(running, op, row);
    case "expert-sum":
      return expertSum(running, op, row);
    case "rope-write":
      return ropeWrite(running, op, row);
    case "attention":
      return attention(running, op, row);
    case "gather":
      return gather(running, op, row);
    case "sample":
      return sample(running, op, row);
  }
}

function emptyResult({ outputs, sampling, wantsLogits }: Step, vocabSize: number): StepResult {
  const sampled = sampling === undefined ? 0 : outputs.length;
  const top = sampled * (sampling?.topLogprobs ?? 0);
  return {
    samples: new Int32Array(sampled),
    logprobs: new Float32Array(sampled),
    topIds: new Int32Array(top),
    topLogprobs: new Float32Array(top),
    ...(wantsLogits === true && { logits: new Float32Array(outputs.length * vocabSize) }),
  };
}
