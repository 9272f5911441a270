import { builtin, type Builtin, type Builtins } from "./builtin.ts";
import { equals } from "./compare-values.ts";
import type { Allowance } from "./allowance.ts";
import { indexBound } from "./sequences.ts";
import { renderError } from "./template-errors.ts";
import type { Dict } from "./values.ts";
import { DictView, isList, type Tuple, type Value } from "./values.ts";

const itemsOf = (value: Value): readonly Value[] => (isList(value) ? value : (value as Tuple).items);

function countOf(allowance: Allowance, items: readonly Value[], wanted: Value): number {
  return items.filter((item) => item === wanted || equals(allowance, item, wanted)).length;
}

const sequenceMethods: readonly (readonly [string, Builtin])[] = [
  [
    "count",
    builtin("value", (allowance, self, [wanted]) => BigInt(countOf(allowance, itemsOf(self), wanted as Value))),
  ],
  [
    "index",
    builtin("value start? stop?", (allowance, self, [wanted, start, stop]) => {
      const items = itemsOf(self);
      const end = indexBound(stop, items.length, items.length);
      for (let i = indexBound(start, items.length, 0); i < end; i++) {
        if (items[i] === wanted || equals(allowance, items[i], wanted as Value)) return BigInt(i);
      }
      throw renderError("the list does not hold the value whose index is asked for");
    }),
  ],
];

export const tupleMethods: Builtins = new Map(sequenceMethods);
/** Those that do not change the list. */
export const listMethods: Builtins = new Map([...sequenceMethods, ["copy", builtin("", (_, self) => self)]]);

const view = (part: DictView["part"]): Builtin => builtin("", (_, self) => new DictView(self as Dict, part));

/** Those that do not change the dict. */
export const dictMethods: Builtins = new Map(
  Object.entries({
    copy: builtin("", (_, self) => self),
    get: builtin("key default?", (_, self, [key, fallback = null]) => {
      const value = (self as Dict).get(key as Value);
      return value === undefined ? fallback : value;
    }),
    items: view("items"),
    keys: view("keys"),
    values: view("values"),
  }),
);
