import { join } from "node:path";
import { createCpuBackend } from "../../src/backends/cpu/cpu-backend.node.ts";
import { openCheckpoint } from "../../src/checkpoint/open-checkpoint.ts";
import { compileModel } from "../../src/compile/compile-model.ts";
import type { ActivationType } from "../../src/device/backend.ts";
import type { StepLimits } from "../../src/device/step.ts";
import { createLocalEngine, type LocalEngine } from "../../src/engine/local-engine.ts";
import { openFolder } from "../../src/io/folder.node.ts";
import { createModel } from "../../src/models/models.ts";

/** The model of the repository. */
export const embeddedModel = join(import.meta.dirname, "..", "..", "models", "smollm2-135m-instruct-gptq-int4");

export interface RealModelOptions {
  readonly folder?: string;
  /** Absent: those that all share. */
  readonly threads?: number;
  /** Absent: f32. */
  readonly activations?: ActivationType;
}

/** A model on the CPU, from which engines of any limits are made. Dispose of those first. */
export interface RealModel extends AsyncDisposable {
  openEngine(limits: EngineLimits): Promise<LocalEngine>;
}

export interface EngineLimits extends Pick<StepLimits, "maxTokens" | "maxSequences"> {
  /** Pages for all sequences together. */
  readonly pageCount: number;
  readonly contextLength: number;
  readonly prefixReuse?: boolean;
}

/** Why the CPU backend cannot run here; undefined: it can. */
export async function reasonToSkip(): Promise<string | undefined> {
  const { available, detail } = await createCpuBackend().probe();
  return available ? undefined : detail;
}

export async function openRealModel(options: RealModelOptions): Promise<RealModel> {
  const { folder = embeddedModel, threads, activations = "f32" } = options;
  const warn = (message: string): never => {
    throw new Error(message);
  };
  const device = await createCpuBackend().open({ activations, ...(threads !== undefined && { threads }) });
  await using checkpoint = await openCheckpoint(await openFolder(folder), { warn });
  const compiled = await compileModel({ model: createModel(checkpoint.config), source: checkpoint, device });
  const { program } = compiled;
  return {
    async openEngine({ maxTokens, maxSequences, pageCount, contextLength, prefixReuse = true }) {
      const pageCounts = program.pageKinds.map(() => pageCount);
      const limits = { maxTokens, maxSequences, maxOutputs: maxSequences, pageSize: device.pageSize, pageCounts };
      const executable = await device.load({ ...compiled, limits });
      return createLocalEngine(executable, {
        vocabSize: program.vocabSize,
        pageKinds: program.pageKinds,
        contextLength,
        prefixReuse,
        device: { backend: "cpu", description: device.description, kernels: {}, weightBytes: 0, stepBytes: 0 },
        release: async () => executable[Symbol.asyncDispose](),
      });
    },
    async [Symbol.asyncDispose]() {
      compiled[Symbol.dispose]();
      await device[Symbol.asyncDispose]();
    },
  };
}
