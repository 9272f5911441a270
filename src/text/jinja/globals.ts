import { builtin, callBuiltin, type Builtin } from "./builtin.ts";
import { toText } from "./print-value.ts";
import type { Allowance } from "./allowance.ts";
import { iterate, listOf } from "./sequences.ts";
import { renderError, TemplateRefusal } from "./template-errors.ts";
import {
  Callable,
  Dict,
  Namespace,
  Range,
  TemplateObject,
  typeName,
  Undefined,
  type Arguments,
  type Value,
} from "./values.ts";

/** As the sandbox of Jinja has it. */
const longestRange = 100_000;

/** `cycler(…)`: takes turns with its values, over all loops. */
class Cycler extends TemplateObject {
  override readonly typeName = "Cycler";
  readonly #values: readonly Value[];
  #position = 0;

  constructor(values: readonly Value[]) {
    super();
    this.#values = values;
  }

  override attribute(name: string): Value | undefined {
    const current = this.#values[this.#position];
    switch (name) {
      case "current":
        return current;
      case "next":
        return new Callable("next", () => {
          const value = this.#values[this.#position];
          this.#position = (this.#position + 1) % this.#values.length;
          return value;
        });
      case "reset":
        return new Callable("reset", () => {
          this.#position = 0;
          return null;
        });
      default:
        return undefined;
    }
  }
}

function range(bounds: readonly Value[]): Range {
  const numbers = bounds.map((bound) => {
    if (typeof bound === "bigint") return bound;
    if (typeof bound === "boolean") return BigInt(bound);
    if (bound instanceof Undefined) throw renderError(bound.problem);
    throw renderError(`range() takes integers, found a value of type ${typeName(bound)}`);
  });
  if (numbers.length < 1 || numbers.length > 3) throw renderError("range() takes one to three integers");
  const [start, stop] = numbers.length === 1 ? [0n, numbers[0]] : numbers;
  const step = numbers[2] ?? 1n;
  if (step === 0n) throw renderError("the step of range() cannot be zero");
  const distance = step > 0n ? stop - start : start - stop;
  const stride = step > 0n ? step : -step;
  const length = distance <= 0n ? 0n : (distance + stride - 1n) / stride;
  if (length > longestRange) throw renderError(`range() has ${length} elements; at most ${longestRange} are accepted`);
  return new Range(start, stop, step, Number(length));
}

/** What `dict(…)` and `namespace(…)` are made of: a dict or pairs, then names. */
function entriesOf(allowance: Allowance, name: string, { positional, named }: Arguments): Dict {
  if (positional.length > 1) throw renderError(`${name}() takes at most one value without a name`);
  const dict = new Dict();
  const add = (key: Value, value: Value): void => {
    allowance.spendElements(4);
    dict.set(key, value);
  };
  const [source] = positional;
  if (source instanceof Dict) for (const [key, value] of source.entries()) add(key, value);
  else if (source !== undefined) {
    for (const pair of iterate(allowance, source)) {
      const items = listOf(allowance, pair);
      if (items.length !== 2) throw renderError(`${name}() takes a dict, or pairs of keys and values`);
      add(items[0], items[1]);
    }
  }
  for (const [key, value] of named) add(key, value);
  return dict;
}

function namespace(allowance: Allowance, args: Arguments): Namespace {
  const result = new Namespace();
  for (const [key, value] of entriesOf(allowance, "namespace", args).entries()) {
    if (typeof key !== "string")
      throw renderError(`the attributes of a namespace have names, found a ${typeName(key)}`);
    result.set(key, value);
  }
  return result;
}

/** `dict`: can be called, and makes a dict of given keys. */
class DictType extends TemplateObject {
  override readonly typeName = "TemplateDict";
  override readonly call = (allowance: Allowance, args: Arguments): Value => entriesOf(allowance, "dict", args);

  override attribute(name: string): Value | undefined {
    if (name !== "fromkeys") return undefined;
    const fromKeys = builtin("iterable value?", (allowance, _, [keys, value = null]) => {
      const dict = new Dict();
      for (const key of iterate(allowance, keys as Value)) {
        allowance.spendElements(4);
        dict.set(key, value);
      }
      return dict;
    });
    return fromBuiltin(name, fromKeys);
  }
}

function fromBuiltin(name: string, callee: Builtin): Callable {
  return new Callable(name, (allowance, args) => callBuiltin(name, callee, allowance, null, args));
}

function joiner(separator: Value): Callable {
  let isFirst = true;
  return new Callable("joiner", () => {
    const isSeparated = !isFirst;
    isFirst = false;
    return isSeparated ? separator : "";
  });
}

const raise = builtin("message", (allowance, _, [message]) => {
  throw new TemplateRefusal(toText(allowance, message as Value));
});

/** What every template may name. `formatNow` is `strftime_now`. */
export function globals(formatNow: (format: string) => string): Map<string, Value> {
  const strftimeNow = builtin("format", (allowance, _, [format]) => {
    const text = toText(allowance, format as Value);
    allowance.spendText(text.length * 16); // the longest that a directive gives, by what it takes to write it
    return formatNow(text);
  });
  return new Map<string, Value>([
    ["dict", new DictType()],
    ...[
      fromBuiltin(
        "range",
        builtin("*", (_, __, ___, { positional }) => range(positional)),
      ),
      new Callable("namespace", namespace),
      fromBuiltin(
        "cycler",
        builtin("*", (_, __, ___, { positional }) => {
          if (positional.length === 0) throw renderError("cycler() takes the values to take turns with");
          return new Cycler(positional);
        }),
      ),
      fromBuiltin(
        "joiner",
        builtin("sep?", (_, __, [separator = ", "]) => joiner(separator)),
      ),
      fromBuiltin("raise_exception", raise),
      fromBuiltin("strftime_now", strftimeNow),
    ].map((callable) => [callable.name, callable] as const),
  ]);
}
