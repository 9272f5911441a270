import { arithmetic } from "./arithmetic.ts";
import { attributeGetter, withCase } from "./attribute-path.ts";
import { builtin, integerArgument, wrongType, type Builtin } from "./builtin.ts";
import { compare, equals, sorted } from "./compare-values.ts";
import { lazy } from "./lazy-filter.ts";
import { toText } from "./print-value.ts";
import { iterate, lengthOf, listOf } from "./sequences.ts";
import { renderError } from "./template-errors.ts";
import { Dict, DictView, isList, isTrue, Lazy, Tuple, Undefined, type Value } from "./values.ts";

const unique = lazy("case_sensitive? attribute?", function* (allowance, self, [isCaseSensitive = false, attribute]) {
  const key = withCase(allowance, attributeGetter(allowance, attribute), isTrue(isCaseSensitive));
  const seen = new Dict();
  for (const value of iterate(allowance, self)) {
    const found = key(value);
    if (seen.has(found)) continue;
    allowance.spendElements(4);
    seen.set(found, null);
    yield value;
  }
});

const batch = lazy("linecount fill_with?", function* (allowance, self, [count, filler = null]) {
  const size = integerArgument(count as Value, "the size of a batch");
  let row: Value[] = [];
  for (const value of iterate(allowance, self)) {
    if (row.length === size) {
      yield row;
      row = [];
    }
    allowance.spendElements(1);
    row.push(value);
  }
  if (row.length === 0) return;
  if (filler !== null && row.length < size) {
    allowance.spendElements(size - row.length);
    row = [...row, ...Array.from({ length: size - row.length }, () => filler)];
  }
  yield row;
});

const slices = lazy("slices fill_with?", function* (allowance, self, [count, filler = null]) {
  const values = listOf(allowance, self);
  const number = integerArgument(count as Value, "the number of slices");
  if (number === 0) throw renderError("division by zero");
  const size = Math.floor(values.length / number);
  const longer = values.length - size * number;
  let start = 0;
  for (let i = 0; i < number; i++) {
    const end = start + size + (i < longer ? 1 : 0);
    allowance.spendElements(end - start + 1);
    const part = values.slice(start, end);
    yield filler !== null && i >= longer ? [...part, filler] : part;
    start = end;
  }
});

const sort = builtin(
  "reverse? case_sensitive? attribute?",
  (allowance, self, [isReverse = false, isCaseSensitive = false, attribute]) => {
    const names = typeof attribute === "string" ? attribute.split(",") : [attribute];
    const getters = names.map((name) => withCase(allowance, attributeGetter(allowance, name), isTrue(isCaseSensitive)));
    const keyOf = (value: Value): Value =>
      getters.length === 1 ? getters[0](value) : getters.map((get) => get(value));
    return sorted(allowance, listOf(allowance, self), keyOf, isTrue(isReverse));
  },
);

const dictsort = builtin(
  "case_sensitive? by? reverse?",
  (allowance, self, [isCaseSensitive = false, by = "key", isReverse = false]) => {
    if (!(self instanceof Dict)) throw wrongType(self, "what dictsort sorts", "a dict");
    if (by !== "key" && by !== "value") throw renderError('dictsort sorts by "key" or "value"');
    const key = withCase(allowance, (value) => value, isTrue(isCaseSensitive));
    const keyOf = ([name, value]: readonly [Value, Value]): Value => key(by === "key" ? name : value);
    return sorted(allowance, [...self.entries()], keyOf, isTrue(isReverse)).map((entry) => new Tuple(entry));
  },
);

const groupby = builtin(
  "attribute default? case_sensitive?",
  (allowance, self, [attribute, fallback = null, isCaseSensitive = false]) => {
    const getter = attributeGetter(allowance, attribute, fallback);
    const keyOf = withCase(allowance, getter, isTrue(isCaseSensitive));
    const groups: { readonly key: Value; readonly values: Value[] }[] = [];
    for (const value of sorted(allowance, listOf(allowance, self), keyOf)) {
      const key = keyOf(value);
      const last = groups.at(-1);
      if (last !== undefined && equals(allowance, last.key, key)) last.values.push(value);
      else groups.push({ key, values: [value] });
      allowance.spendElements(4);
    }
    return groups.map(({ values }) => new Tuple([getter(values[0]), values], ["grouper", "list"]));
  },
);

/** The least for which `isBetter` never holds against another; the first of equal ones. */
function extreme(what: string, isBetter: (order: number) => boolean): Builtin {
  return builtin("case_sensitive? attribute?", (allowance, self, [isCaseSensitive = false, attribute]) => {
    const keyOf = withCase(allowance, attributeGetter(allowance, attribute), isTrue(isCaseSensitive));
    let best: { readonly value: Value; readonly key: Value } | undefined;
    for (const value of iterate(allowance, self)) {
      const key = keyOf(value);
      if (best === undefined || isBetter(compare(allowance, key, best.key))) best = { value, key };
    }
    return best?.value ?? (best === undefined ? new Undefined(() => `${what} of an empty list is undefined`) : null);
  });
}

const sum = builtin("attribute? start?", (allowance, self, [attribute, start = 0n]) => {
  const getter = attributeGetter(allowance, attribute);
  if (typeof start === "string") throw renderError("sum() does not add strings; join() does");
  let total: Value = start;
  for (const value of iterate(allowance, self)) total = arithmetic(allowance, "+", total, getter(value));
  return total;
});

const join = builtin("d? attribute?", (allowance, self, [separator = "", attribute]) => {
  const getter = attributeGetter(allowance, attribute);
  const mark = toText(allowance, separator);
  const parts: string[] = [];
  for (const value of iterate(allowance, self)) {
    const text = toText(allowance, getter(value));
    allowance.spendText(text.length + mark.length);
    parts.push(text);
  }
  return parts.join(mark);
});

const first = builtin("", (allowance, self) => {
  const { value, done } = iterate(allowance, self)[Symbol.iterator]().next() as IteratorResult<Value, undefined>;
  return done ? new Undefined(() => "the first of an empty list is undefined") : value;
});

const last = builtin("", (allowance, self) => {
  if (self instanceof Lazy) throw renderError(`the last of a ${self.typeName} is not known; make a list of it first`);
  const values = listOf(allowance, typeof self === "string" ? self.slice(-2) : self);
  return values.at(-1) ?? (values.length === 0 ? new Undefined(() => "the last of an empty list is undefined") : null);
});

const length = builtin("", (allowance, self) => {
  const count = lengthOf(allowance, self);
  if (count === undefined) throw wrongType(self, "what has a length", "a string, a list or a dict");
  return BigInt(count);
});

const reverse = builtin("", (allowance, self) => {
  const values = allowance.toList(iterate(allowance, self)).reverse();
  if (typeof self === "string") return (values as string[]).join("");
  if (self instanceof Lazy) return values;
  return new Lazy(values[Symbol.iterator](), isList(self) ? "list_reverseiterator" : "reversed");
});

const items = lazy("", (_, self) => {
  if (self instanceof Undefined) return [];
  if (!(self instanceof Dict)) throw wrongType(self, "what has items", "a dict");
  return new DictView(self, "items").elements();
});

export const listFilters = {
  ...{ batch, dictsort, first, groupby, items, join, last, length, reverse, sort, sum, unique },
  count: length,
  list: builtin("", (allowance, self) => allowance.toList(iterate(allowance, self))),
  max: extreme("the greatest", (order) => order > 0),
  min: extreme("the least", (order) => order < 0),
  slice: slices,
} satisfies Readonly<Record<string, Builtin>>;
