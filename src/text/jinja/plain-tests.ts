import { arithmetic } from "./arithmetic.ts";
import { builtin, type Builtin, type Builtins } from "./builtin.ts";
import { compare, contains, equals } from "./compare-values.ts";
import { toText } from "./print-value.ts";
import type { Allowance } from "./allowance.ts";
import { isIterable } from "./sequences.ts";
import { isLower, isUpper } from "./text-case.ts";
import { Dict, isList, Range, TemplateObject, Tuple, Undefined, type Value } from "./values.ts";

const kind = (test: (value: Value) => boolean): Builtin => builtin("", (_, self) => test(self));

const comparison = (test: (allowance: Allowance, a: Value, b: Value) => boolean): Builtin =>
  builtin("other", (allowance, self, [other]) => test(allowance, self, other as Value));

const equal = comparison(equals);
const unequal = comparison((allowance, a, b) => !equals(allowance, a, b));
const less = comparison((allowance, a, b) => compare(allowance, a, b) < 0);
const lessOrEqual = comparison((allowance, a, b) => compare(allowance, a, b) <= 0);
const greater = comparison((allowance, a, b) => compare(allowance, a, b) > 0);
const greaterOrEqual = comparison((allowance, a, b) => compare(allowance, a, b) >= 0);

const remainder = (divisor: bigint, wanted: bigint): Builtin =>
  builtin("", (allowance, self) => equals(allowance, arithmetic(allowance, "%", self, divisor), wanted));

const letters = (test: (text: string) => boolean): Builtin =>
  builtin("", (allowance, self) => {
    const text = toText(allowance, self);
    allowance.spend(text.length / 8);
    return test(text);
  });

const isText = (value: Value): value is string => typeof value === "string";
const isSequence = (value: Value): boolean =>
  isText(value) || isList(value) || [Tuple, Dict, Range, Undefined].some((type) => value instanceof type);

/** The tests of Jinja 3.1, less those for the names of filters and tests. */
export const plainTests: Builtins = new Map<string, Builtin>([
  ...Object.entries({
    boolean: kind((value) => typeof value === "boolean"),
    callable: kind((value) => value instanceof Undefined || (value instanceof TemplateObject && !!value.call)),
    defined: kind((value) => !(value instanceof Undefined)),
    divisibleby: builtin("num", (allowance, self, [divisor]) =>
      equals(allowance, arithmetic(allowance, "%", self, divisor as Value), 0n),
    ),
    escaped: kind(() => false),
    even: remainder(2n, 0n),
    false: kind((value) => value === false),
    float: kind((value) => typeof value === "number"),
    in: builtin("seq", (allowance, self, [container]) => contains(allowance, container as Value, self)),
    integer: kind((value) => typeof value === "bigint"),
    iterable: kind(isIterable),
    lower: letters(isLower),
    mapping: kind((value) => value instanceof Dict),
    none: kind((value) => value === null),
    number: kind((value) => ["bigint", "number", "boolean"].includes(typeof value)),
    odd: remainder(2n, 1n),
    sameas: comparison((_, a, b) => a === b),
    sequence: kind(isSequence),
    string: kind(isText),
    true: kind((value) => value === true),
    undefined: kind((value) => value instanceof Undefined),
    upper: letters(isUpper),
  }),
  ...["==", "eq", "equalto"].map((name) => [name, equal] as const),
  ...["!=", "ne"].map((name) => [name, unequal] as const),
  ...["<", "lt", "lessthan"].map((name) => [name, less] as const),
  ...["<=", "le"].map((name) => [name, lessOrEqual] as const),
  ...[">", "gt", "greaterthan"].map((name) => [name, greater] as const),
  ...[">=", "ge"].map((name) => [name, greaterOrEqual] as const),
]);
