import type { CompiledModel } from "../compile/compile-model.ts";
import type { Device } from "../device/backend.ts";
import { StepDriver } from "../engine/step-driver.ts";
import { createNodeHost } from "../entry/node.ts";
import type { EngineOptions } from "../llm/engine-options.ts";
import { modelOf } from "../llm/load-engine.ts";
import { loadExecutable } from "../llm/load-executable.ts";
import type { Model } from "../models/model.ts";
import type { CommonFlags } from "./flags/common-flags.ts";
import { loadingProgress } from "./loading-progress.ts";
import type { NamedModel } from "./locate-named-model.ts";
import { openNamedCheckpoint } from "./open-named-checkpoint.ts";
import type { Terminal } from "./terminal.ts";
import { UsageError } from "./usage-error.ts";

export interface DriverNeeds {
  /** Positions of each sequence. */
  readonly positions: number;
  readonly sequences: number;
  /** Most tokens of one step. */
  readonly stepTokens?: number;
  /** Most rows of logits of one step, for a vocabulary of this size. */
  readonly outputs: (vocabSize: number) => number;
}

export interface OpenDriverOptions {
  /** Absent: the model that comes with the checkout. */
  readonly model: NamedModel;
  readonly flags: CommonFlags;
  readonly engine: EngineOptions;
  readonly needs: DriverNeeds;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
}

/** A model on a device, step by step in the caller's hands. Owns all of it. */
export interface OpenDriver extends AsyncDisposable {
  readonly model: Model;
  readonly device: Device;
  readonly compiled: CompiledModel;
  readonly driver: StepDriver;
}

/**
 * Brings a model to a device for evaluating or measuring it. Throws UsageError for more positions than the model was trained
 * for, else as loadEngine; nothing stays open then.
 */
export async function openDriver(options: OpenDriverOptions): Promise<OpenDriver> {
  const { flags, engine, needs, terminal, signal } = options;
  const host = createNodeHost();
  await using checkpoint = await openNamedCheckpoint(host, options.model, flags, terminal, signal);
  const model = modelOf(checkpoint);
  if (needs.positions > model.contextLength)
    throw new UsageError(`${needs.positions} positions are needed; the model was trained for ${model.contextLength}`);
  const loaded = await loadExecutable({
    backends: host.backends,
    checkpoint,
    model,
    engine,
    plan: {
      contextLength: needs.positions,
      maxSequences: needs.sequences,
      stepTokens: needs.stepTokens,
      maxOutputs: needs.outputs(model.vocabSize),
      cachePositions: Infinity, // a whole context for every sequence
    },
    warn: terminal.warn,
    onProgress: loadingProgress(terminal),
    signal,
  });
  const { device, compiled, executable } = loaded;
  const { pageKinds } = compiled.program;
  return {
    model,
    device,
    compiled,
    driver: new StepDriver(executable, { pageKinds, ropeSwitchLength: model.ropeSwitchLength, signal }),
    [Symbol.asyncDispose]: () => loaded[Symbol.asyncDispose](),
  };
}
