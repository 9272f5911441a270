import { attributeGetter } from "./attribute-path.ts";
import { callBuiltin, textArgument, type Builtin, type Builtins } from "./builtin.ts";
import { lazy } from "./lazy-filter.ts";
import type { Allowance } from "./allowance.ts";
import { iterate } from "./sequences.ts";
import { renderError, shown } from "./template-errors.ts";
import { isTrue, type Value } from "./values.ts";

function lookUp(table: Builtins, kind: string, name: Value | undefined): { name: string; callee: Builtin } {
  const text = textArgument(name as Value, `the name of a ${kind}`);
  const callee = table.get(text);
  if (callee === undefined) throw renderError(`there is no ${kind} ${shown(text)}`);
  return { name: text, callee };
}

const map = (filters: () => Builtins): Builtin =>
  lazy("*", (allowance, self, _, { positional, named }) => {
    if (positional.length === 0 && named.has("attribute")) {
      const wrong = [...named.keys()].find((name) => name !== "attribute" && name !== "default");
      if (wrong !== undefined) throw renderError(`map() has no argument ${shown(wrong)}`);
      return mapped(allowance, self, attributeGetter(allowance, named.get("attribute"), named.get("default")));
    }
    if (positional.length === 0) throw renderError("map() needs the name of a filter, or an attribute");
    const { name, callee } = lookUp(filters(), "filter", positional[0]);
    const args = { positional: positional.slice(1), named };
    return mapped(allowance, self, (value) => callBuiltin(name, callee, allowance, value, args));
  });

function* mapped(allowance: Allowance, values: Value, change: (value: Value) => Value): Generator<Value> {
  if (!isTrue(values)) return;
  for (const value of iterate(allowance, values)) yield change(value);
}

/** select, reject and the two that look at an attribute: by a test, or by whether a value is true. */
function selecting(tests: Builtins, isKept: boolean, byAttribute: boolean): Builtin {
  return lazy("*", (allowance, self, _, { positional, named }) => {
    const [attribute, ...rest] = byAttribute ? positional : [null, ...positional];
    if (attribute === undefined) throw renderError("the name of an attribute is missing");
    const getter = attributeGetter(allowance, attribute);
    if (rest.length === 0) return selected(allowance, self, (value) => isTrue(getter(value)) === isKept);
    const { name, callee } = lookUp(tests, "test", rest[0]);
    const args = { positional: rest.slice(1), named };
    const passes = (value: Value): boolean => isTrue(callBuiltin(name, callee, allowance, getter(value), args));
    return selected(allowance, self, (value) => passes(value) === isKept);
  });
}

function* selected(allowance: Allowance, values: Value, keeps: (value: Value) => boolean): Generator<Value> {
  if (!isTrue(values)) return;
  for (const value of iterate(allowance, values)) if (keeps(value)) yield value;
}

/** The filters that apply a filter or a test to each element, which they find in these tables. */
export function applyingFilters(filters: () => Builtins, tests: Builtins): Readonly<Record<string, Builtin>> {
  return {
    map: map(filters),
    reject: selecting(tests, false, false),
    rejectattr: selecting(tests, false, true),
    select: selecting(tests, true, false),
    selectattr: selecting(tests, true, true),
  };
}
