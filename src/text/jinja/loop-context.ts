import { equals } from "./compare-values.ts";
import { renderError } from "./template-errors.ts";
import { Callable, Tuple, TemplateObject, Undefined, type Arguments, type Value } from "./values.ts";
import type { Allowance } from "./allowance.ts";

/** What a loop goes over: a list or a range. */
export interface LoopValues {
  readonly length: number;
  at(index: number): Value | undefined;
}

/** The variable `loop` of a `for`: one for the whole loop, moved on by whoever runs it. */
export class LoopContext extends TemplateObject {
  override readonly typeName = "LoopContext";
  /** Of the element that is looked at. */
  index = 0;
  readonly #values: LoopValues;
  readonly #depth: number;
  #lastChanged: Value | undefined;
  /** `loop(values)` of a recursive loop. */
  override readonly call: ((allowance: Allowance, args: Arguments) => Value) | undefined;

  /** `depth` counts recursive calls from zero. */
  constructor(values: LoopValues, depth: number, recurse: ((values: Value) => Value) | undefined) {
    super();
    this.#values = values;
    this.#depth = depth;
    this.call =
      recurse &&
      ((_, { positional, named }) => {
        if (positional.length !== 1 || named.size > 0) throw renderError("loop() takes the values to go over");
        return recurse(positional[0]);
      });
  }

  override attribute(name: string): Value | undefined {
    const { length } = this.#values;
    const { index } = this;
    switch (name) {
      case "index":
        return BigInt(index + 1);
      case "index0":
        return BigInt(index);
      case "revindex":
        return BigInt(length - index);
      case "revindex0":
        return BigInt(length - index - 1);
      case "first":
        return index === 0;
      case "last":
        return index === length - 1;
      case "length":
        return BigInt(length);
      case "depth":
        return BigInt(this.#depth + 1);
      case "depth0":
        return BigInt(this.#depth);
      case "previtem":
        return index > 0 ? this.#values.at(index - 1) : new Undefined(() => "there is no previous item");
      case "nextitem":
        return index + 1 < length ? this.#values.at(index + 1) : new Undefined(() => "there is no next item");
      case "cycle":
        return new Callable("cycle", (_, { positional }) => {
          if (positional.length === 0) throw renderError("cycle() takes the values to take turns with");
          return positional[index % positional.length];
        });
      case "changed":
        return new Callable("changed", (allowance, { positional }) => this.#changed(allowance, positional));
      default:
        return undefined;
    }
  }

  override describe(): string {
    return `<LoopContext ${this.index + 1}/${this.#values.length}>`;
  }

  /** Whether these are others than in the last call. */
  #changed(allowance: Allowance, values: readonly Value[]): boolean {
    const now = new Tuple(values);
    if (this.#lastChanged !== undefined && equals(allowance, this.#lastChanged, now)) return false;
    this.#lastChanged = now;
    return true;
  }
}
