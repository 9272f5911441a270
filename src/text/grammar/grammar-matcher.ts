import type { Configuration } from "./configuration.ts";
import type { InPieces, TokenMasks } from "./token-masks.ts";

/** Follows one answer token by token, and says what may come next. */
export class GrammarMatcher {
  readonly #masks: TokenMasks;
  #configuration: Configuration;
  /** What was last asked for, of this configuration. */
  #within: { readonly limit: number; readonly finding: InPieces<Uint32Array>; allowed?: Uint32Array } | undefined;
  #ahead: InPieces<undefined> | undefined;

  constructor(masks: TokenMasks) {
    this.#masks = masks;
    this.#configuration = masks.start;
  }

  /** Whether the answer may end here. */
  get accepts(): boolean {
    return this.#configuration.accepts;
  }

  /** Whether the answer must end here, since no token may follow: known for sure once it has been found out what may. */
  get isComplete(): boolean {
    return this.#masks.isComplete(this.#configuration);
  }

  /** [ceil(vocabSize / 32)] one bit for every id, 1: may follow. Not to be written to. */
  get allowed(): Uint32Array {
    return this.allowedWithin(Infinity);
  }

  /** As TokenMasks.allowedWithin, at once. */
  allowedWithin(limit: number): Uint32Array {
    while (!this.prepare(limit));
    return this.#within!.allowed!;
  }

  /** Works for some hundred microseconds on what is allowed within the limit; false: there is more to do. Throws as that. */
  prepare(limit: number): boolean {
    if (this.#within?.limit !== limit)
      this.#within = { limit, finding: this.#masks.allowedWithin(this.#configuration, limit) };
    if (this.#within.allowed === undefined) {
      const { done, value } = this.#within.finding.next();
      if (done !== true) return false;
      this.#within.allowed = value;
    }
    return true;
  }

  /** Works for some hundred microseconds on what may follow after tokens that may be taken next; true: all is known. */
  lookAhead(): boolean {
    this.#ahead ??= this.#masks.lookAhead(this.#configuration);
    return this.#ahead.next().done === true;
  }

  /** Takes a token that is allowed. */
  accept(id: number): void {
    const next = this.#masks.after(this.#configuration, id);
    if (next === undefined) throw new Error(`token ${id} was drawn, which the grammar does not allow here`);
    this.#configuration = next;
    this.#within = undefined;
    this.#ahead = undefined;
  }
}
