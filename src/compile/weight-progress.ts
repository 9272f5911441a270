import type { Projection } from "../models/model.ts";
import type { OnLoadProgress } from "../util/load-progress.ts";
import type { LoadPlan } from "./plan-loads.ts";
import type { WeightSource } from "./weight-source.ts";

/** Counts the bytes of a plan's projections as they are read and prepared. */
export class WeightProgress {
  readonly #source: WeightSource;
  readonly #onProgress: OnLoadProgress;
  readonly #bytesTotal: number;
  readonly #bytesDone = { read: 0, prepare: 0 };

  constructor(plan: LoadPlan, source: WeightSource, onProgress: OnLoadProgress) {
    this.#source = source;
    this.#onProgress = onProgress;
    this.#bytesTotal = plan.projections.reduce((sum, { modules }) => sum + this.#byteLength(modules), 0);
  }

  done(phase: "read" | "prepare", modules: Projection): void {
    this.#bytesDone[phase] += this.#byteLength(modules);
    this.#onProgress({ phase, bytesDone: this.#bytesDone[phase], bytesTotal: this.#bytesTotal });
  }

  #byteLength(modules: Projection): number {
    return modules.reduce((sum, { module }) => sum + this.#source.byteLengthOf(module), 0);
  }
}
