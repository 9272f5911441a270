import type { Value } from "./values.ts";

/** Names and what they stand for: what is not here is looked for outside. */
export class Scope {
  readonly #outer: Scope | undefined;
  readonly #names: Map<string, Value>;

  /** Takes `names`. */
  constructor(outer: Scope | undefined, names = new Map<string, Value>()) {
    this.#outer = outer;
    this.#names = names;
  }

  get(name: string): Value | undefined {
    const value = this.#names.get(name);
    return value !== undefined ? value : this.#outer?.get(name);
  }

  set(name: string, value: Value): void {
    this.#names.set(name, value);
  }
}
