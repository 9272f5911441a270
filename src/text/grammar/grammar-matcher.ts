import type { Configuration } from "./configuration.ts";
import type { TokenMasks } from "./token-masks.ts";

/** Follows one answer token by token, and says what may come next. */
export class GrammarMatcher {
  readonly #masks: TokenMasks;
  #configuration: Configuration;
  /** What was last asked for, of this configuration. */
  #within: { readonly limit: number; readonly allowed: Uint32Array } | undefined;

  constructor(masks: TokenMasks) {
    this.#masks = masks;
    this.#configuration = masks.start;
  }

  /** Whether the answer may end here. */
  get accepts(): boolean {
    return this.#configuration.accepts;
  }

  /** Whether the answer must end here: no token may follow. */
  get isComplete(): boolean {
    return this.accepts && (this.#configuration.places.length === 0 || this.allowed.every((word) => word === 0));
  }

  /** [ceil(vocabSize / 32)] one bit for every id, 1: may follow. Not to be written to. */
  get allowed(): Uint32Array {
    return this.#masks.allowed(this.#configuration);
  }

  /** As TokenMasks.allowedWithin. */
  allowedWithin(limit: number): Uint32Array {
    if (this.#within?.limit !== limit)
      this.#within = { limit, allowed: this.#masks.allowedWithin(this.#configuration, limit) };
    return this.#within.allowed;
  }

  /** Finds out what may follow after tokens that are likely to be taken next, until `isOver`. */
  lookAhead(isOver: () => boolean): void {
    this.#masks.lookAhead(this.#configuration, isOver);
  }

  /** Takes a token that is allowed. */
  accept(id: number): void {
    const next = this.#masks.after(this.#configuration, id);
    if (next === undefined) throw new Error(`token ${id} was drawn, which the grammar does not allow here`);
    this.#configuration = next;
    this.#within = undefined;
  }
}
