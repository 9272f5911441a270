import { greedySampling } from "../device/sampling.ts";
import type { PageKind } from "../device/program.ts";
import type { Step, StepLimits } from "../device/step.ts";
import type { Engine, EngineEvent, FinishedEvent, GenerationRequest } from "./engine.ts";
import { createLocalEngine, type LocalEngine, type LocalEngineOptions } from "./local-engine.ts";
import { NullExecutable } from "./null-executable.ts";

/** What the engine's tests share. */
export const vocabSize = 50;
export const fullAttention: readonly PageKind[] = [{}];

export interface NullEngineOptions extends Partial<Omit<StepLimits, "pageCounts">>, Partial<LocalEngineOptions> {
  readonly pageCounts?: readonly number[];
  readonly beforeStep?: (step: Step) => void | Promise<void>;
  readonly runsAhead?: boolean;
}

/** An engine over a null executable, with small steps and pages unless told otherwise. Its integrity is checked before every step. */
export function nullEngine(options: NullEngineOptions = {}): LocalEngine {
  const { maxTokens = 16, maxSequences = 4, maxOutputs = 8, pageSize = 4, pageCounts = [64] } = options;
  const { pageKinds = fullAttention, beforeStep, runsAhead = false, ...engineOptions } = options;
  const executable = new NullExecutable({
    limits: { maxTokens, maxSequences, maxOutputs, pageSize, pageCounts },
    pageKinds,
    vocabSize,
    runsAhead,
    beforeStep: async (step) => {
      engine.checkIntegrity();
      await beforeStep?.(step);
    },
  });
  const engine = createLocalEngine(executable, {
    vocabSize,
    contextLength: 256,
    device: { backend: "null", description: "computes nothing", kernels: {}, weightBytes: 0, stepBytes: 0 },
    ...engineOptions,
    pageKinds,
  });
  return engine;
}

export function request(
  parts: Partial<GenerationRequest> & { readonly promptLength?: number } = {},
): GenerationRequest {
  const { promptLength = 5, ...rest } = parts;
  const promptIds = Array.from({ length: promptLength }, (_, i) => (7 * i + 3) % vocabSize);
  return { promptIds, maxTokens: 10, stopIds: [], sampling: greedySampling, ...rest };
}

export interface Outcome {
  readonly ids: readonly number[];
  readonly logprobs: readonly number[];
  readonly finished: FinishedEvent;
}

/** Reads a request's events to their end. */
export async function collect(events: AsyncIterable<EngineEvent>): Promise<Outcome> {
  const ids: number[] = [];
  const logprobs: number[] = [];
  let finished: FinishedEvent | undefined;
  for await (const event of events) {
    if (finished !== undefined) throw new Error(`a ${event.type} event after the last one`);
    if (event.type === "embedding") throw new Error("an embedding, which nobody asked for");
    if (event.type === "token") {
      ids.push(event.id);
      logprobs.push(event.logprob);
    } else finished = event;
  }
  if (finished === undefined) throw new Error("the events ended without a finished event");
  return { ids, logprobs, finished };
}

/** What the request yields in an engine of its own, with pages for everything and nothing reused. */
export async function runAlone(request: GenerationRequest, options: NullEngineOptions = {}): Promise<Outcome> {
  const pageCounts = (options.pageKinds ?? fullAttention).map(() => 200);
  await using engine = nullEngine({ ...options, pageCounts, prefixReuse: false, beforeStep: () => undefined });
  return await collect(engine.generate(request));
}

export async function expectIdle(engine: Engine): Promise<void> {
  const { waiting, running, pagesUsed } = await engine.stats();
  if (waiting + running + pagesUsed !== 0)
    throw new Error(`${waiting} waiting, ${running} running, ${pagesUsed} pages used in an engine that should be idle`);
}
