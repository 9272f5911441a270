import type { LLM } from "../llm/llm.ts";
import { ApiError } from "./api-error.ts";

/** The models that a server answers with, by the names that clients have for them. */
export class ServedModels {
  readonly #models: ReadonlyMap<string, LLM>;
  /** Seconds since 1970, for clients that list models. */
  readonly created = Math.floor(Date.now() / 1000);

  /** At least one; the first answers requests that name none. */
  constructor(models: ReadonlyMap<string, LLM>) {
    this.#models = models;
  }

  get names(): readonly string[] {
    return [...this.#models.keys()];
  }

  /** Whether every model can answer now. */
  get areReady(): boolean {
    return [...this.#models.values()].every(({ health }) => health.state === "ready");
  }

  /** Throws ApiError 404 for a name that no model has. */
  find(name: string | null | undefined): { readonly name: string; readonly llm: LLM } {
    const wanted = name ?? this.names[0];
    const llm = this.#models.get(wanted);
    if (llm !== undefined) return { name: wanted, llm };
    throw new ApiError(
      404,
      "invalid_request_error",
      `the model ${JSON.stringify(wanted)} is not served; served: ${this.names.join(", ")}`,
      {
        param: "model",
        code: "model_not_found",
      },
    );
  }
}
