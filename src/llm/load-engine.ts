import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { Backend } from "../device/backend.ts";
import type { Engine, EngineDevice } from "../engine/engine.ts";
import { createLocalEngine } from "../engine/local-engine.ts";
import type { Model } from "../models/model.ts";
import { createModel } from "../models/models.ts";
import type { TokenBytes } from "../text/grammar/token-bytes.ts";
import { throwIfAborted } from "../util/abort.ts";
import { FormatError } from "../util/errors.ts";
import type { OnLoadProgress } from "../util/load-progress.ts";
import type { Warn } from "../util/warn-once.ts";
import { checkEngineOptions } from "./check-options.ts";
import type { EngineOptions } from "./engine-options.ts";
import { loadExecutable, type LoadedExecutable } from "./load-executable.ts";
import { planSteps } from "./plan-steps.ts";

export interface LoadEngineOptions {
  readonly backends: readonly Backend[];
  /** Borrowed: not needed when the engine is there. */
  readonly checkpoint: Checkpoint;
  readonly engine: EngineOptions;
  readonly warn: Warn;
  /** For grammars, when the first is asked for. Absent: there are none. */
  readonly tokenBytes?: (() => Promise<TokenBytes | undefined>) | undefined;
  readonly onProgress?: OnLoadProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Brings a checkpoint's model to a device and starts an engine on it, which owns device and weights. Nothing is left open on an error:
 * FormatError and UnsupportedError for the checkpoint, RequestError for options, OutOfMemoryError, AbortedError.
 */
export async function loadEngine(options: LoadEngineOptions): Promise<Engine> {
  const { backends, checkpoint, engine, warn, onProgress, signal } = options;
  checkEngineOptions(engine); // a process of its own gets them from elsewhere
  throwIfAborted(signal, "loading the model");
  const model = modelOf(checkpoint);
  const plan = planSteps(model, engine, warn);
  const loaded = await loadExecutable({ backends, checkpoint, model, engine, plan, warn, onProgress, signal });
  try {
    const { program } = loaded.compiled;
    return createLocalEngine(loaded.executable, {
      vocabSize: program.vocabSize,
      pageKinds: program.pageKinds,
      contextLength: plan.contextLength,
      ...(engine.prefixReuse !== undefined && { prefixReuse: engine.prefixReuse }),
      ...(model.ropeSwitchLength !== undefined && { ropeSwitchLength: model.ropeSwitchLength }),
      ...(program.hidden && { hiddenSize: program.hidden.width }),
      device: describeDevice(loaded),
      ...(options.tokenBytes !== undefined && { tokenBytes: options.tokenBytes }),
      release: async () => loaded[Symbol.asyncDispose](),
    });
  } catch (error) {
    await loaded[Symbol.asyncDispose]();
    throw error;
  }
}

export function modelOf({ config, configLabel, label }: Checkpoint): Model {
  if (config === undefined)
    throw new FormatError(
      `${label}: has no config.json, nor metadata of a model as GGUF has it: nothing says what model the weights are`,
    );
  return createModel(config, configLabel);
}

function describeDevice({ device, compiled: { weights }, executable }: LoadedExecutable): EngineDevice {
  const kernels: Record<string, number> = {};
  for (const { kernel } of weights) kernels[kernel] = (kernels[kernel] ?? 0) + 1;
  return {
    backend: device.backend,
    description: device.description,
    kernels,
    weightBytes: weights.reduce((sum, { byteLength }) => sum + byteLength, 0),
    stepBytes: executable.byteLength,
  };
}
