import type { LLM } from "../llm/llm.ts";
import { ApiError } from "./api-error.ts";
import { ServedModel, type LoadableModel } from "./served-model.ts";

/** The models that a server answers with, by the names that clients have for them. */
export class ServedModels {
  readonly #models: ReadonlyMap<string, ServedModel>;
  /** Seconds since 1970, for clients that list models. */
  readonly created = Math.floor(Date.now() / 1000);

  /** At least one; the first answers requests that name none. Names of one source are names of one model. */
  constructor(sources: ReadonlyMap<string, LLM | LoadableModel>) {
    const models = new Map(Array.from(new Set(sources.values()), (source) => [source, new ServedModel(source)]));
    this.#models = new Map(Array.from(sources, ([name, source]) => [name, models.get(source)!]));
  }

  /** Of models that can be asked now. */
  get names(): readonly string[] {
    return [...this.#models].filter(([, { llm }]) => llm !== undefined).map(([name]) => name);
  }

  /**
   * Whether requests are welcome: some model can be asked, none is still to come for the first time, and none has lost its engine.
   * One that was unloaded, or is being loaded again, does not count.
   */
  get areReady(): boolean {
    const models = [...this.#models.values()];
    const isWell = ({ state, llm }: ServedModel): boolean =>
      state !== "pending" && (llm === undefined || llm.health.state === "ready");
    return models.some(({ llm }) => llm !== undefined) && models.every(isWell);
  }

  /** What became of every model and what its engine is doing. */
  async stats(): Promise<Readonly<Record<string, object>>> {
    const entries = Array.from(this.#models, async ([name, { state, llm }]) => {
      const stats = await llm?.stats().catch(() => undefined); // of an engine that has failed
      return [name, { state, ...(llm !== undefined && { health: llm.health }), ...(stats !== undefined && { stats }) }];
    });
    return Object.fromEntries(await Promise.all(entries)) as Record<string, object>;
  }

  /** Throws ApiError 404 for a name that no model has, 503 for a model that is not there now. */
  find(name: string | null | undefined): { readonly name: string; readonly llm: LLM } {
    const wanted = name ?? this.#models.keys().next().value!;
    const { llm, state } = this.named(wanted);
    if (llm !== undefined) return { name: wanted, llm };
    const isComing = state === "pending" || state === "loading";
    throw new ApiError(
      503,
      "service_unavailable_error",
      isComing ? `the model ${wanted} is being loaded` : `the model ${wanted} is not loaded: POST /v1/load loads it`,
      { param: "model", code: "model_not_loaded" },
    );
  }

  /** Throws ApiError 404 for a name that no model has. */
  named(name: string): ServedModel {
    const model = this.#models.get(name);
    if (model !== undefined) return model;
    throw new ApiError(
      404,
      "invalid_request_error",
      `the model ${JSON.stringify(name)} is not served; served: ${[...this.#models.keys()].join(", ")}`,
      { param: "model", code: "model_not_found" },
    );
  }

  /** Closes what was loaded here. */
  async close(): Promise<void> {
    await Promise.all(Array.from(new Set(this.#models.values()), (model) => model.close()));
  }
}
