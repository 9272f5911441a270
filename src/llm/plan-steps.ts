import type { Device } from "../device/backend.ts";
import type { Model } from "../models/model.ts";
import type { Warn } from "../util/warn-once.ts";
import type { EngineOptions } from "./engine-options.ts";
import type { MemoryPlanOptions } from "./plan-memory.ts";

type StepPlan = Omit<MemoryPlanOptions, "pageKinds" | "pageSize">;

/** Without `stepTokens` as many as suit the device. */
export interface ExecutablePlan extends Omit<StepPlan, "stepTokens"> {
  readonly stepTokens?: number | undefined;
}

const defaultContextLength = 4096;
/** Where the device has no opinion. */
const defaultStepTokens = 512;
/** Tokens of a step whose hidden states are wanted. Each costs a row of logits, of memory that is touched only where these are made. */
const pooledTokens = 64;

/** What an engine's steps and caches are to hold. Warns of a context beyond what the model was trained for. */
export function planSteps(model: Model, engine: EngineOptions, warn: Warn): ExecutablePlan {
  const { maxSequences = 4, stepTokens, cachePositions } = engine;
  return {
    contextLength: chooseContextLength(model, engine.contextLength, warn),
    maxSequences,
    stepTokens,
    // Each sequence is sampled once a step; the others are for embeddings that are means.
    maxOutputs: maxSequences + Math.min(stepTokens ?? pooledTokens, pooledTokens),
    cachePositions,
  };
}

/** The plan on a device. */
export function stepsOn(device: Pick<Device, "stepTokens">, plan: ExecutablePlan): StepPlan {
  return { ...plan, stepTokens: plan.stepTokens ?? device.stepTokens ?? defaultStepTokens };
}

function chooseContextLength(model: Model, wanted: number | undefined, warn: Warn): number {
  const { contextLength: most } = model;
  if (wanted !== undefined && wanted > most) {
    warn(`a context of ${wanted} positions was asked for; the model was trained for ${most}, which is used`);
  }
  return Math.min(wanted ?? defaultContextLength, most);
}
