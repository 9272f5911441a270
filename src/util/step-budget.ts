/**
 * Bounds the work that code of strangers (a regular expression, a template) may cause. Counted in steps, not in seconds: the same input
 * ends the same way on every machine.
 */
export class StepBudget {
  #left: number;
  readonly #exhausted: () => Error;

  /** `exhausted` makes the error that ends the work: only the owner knows whose file or request it was. */
  constructor(steps: number, exhausted: () => Error) {
    this.#left = steps;
    this.#exhausted = exhausted;
  }

  /** Steps that are left. Hot loops count by themselves and spend in portions. */
  get left(): number {
    return this.#left;
  }

  /** Throws what `exhausted` makes when there are no more. */
  spend(steps = 1): void {
    this.#left -= steps;
    if (this.#left < 0) throw this.#exhausted();
  }
}
