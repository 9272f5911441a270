import { builtin, type Builtin } from "./builtin.ts";
import type { Allowance } from "./allowance.ts";
import { Lazy, type Arguments, type Value } from "./values.ts";

/** A filter whose values are made one by one. */
export function lazy(
  parameters: string,
  make: (allowance: Allowance, self: Value, given: readonly (Value | undefined)[], rest: Arguments) => Iterable<Value>,
): Builtin {
  return builtin(
    parameters,
    (allowance, self, given, rest) => new Lazy(paid(allowance, make(allowance, self, given, rest))[Symbol.iterator]()),
  );
}

function* paid(allowance: Allowance, values: Iterable<Value>): Generator<Value> {
  for (const value of values) {
    allowance.spend();
    yield value;
  }
}
