import { missingAttribute, ownAttribute } from "./attributes.ts";
import { builtin, textArgument, type Builtin, type Builtins } from "./builtin.ts";
import { applyingFilters } from "./applying-filters.ts";
import { listFilters } from "./list-filters.ts";
import { numberFilters } from "./number-filters.ts";
import { plainTests } from "./plain-tests.ts";
import { textFilters } from "./text-filters.ts";
import { isTrue, Undefined, type Value } from "./values.ts";

const fallback = builtin("default_value? boolean?", (_, self, [value = "", isBoolean = false]) =>
  self instanceof Undefined || (isTrue(isBoolean) && !isTrue(self)) ? value : self,
);

const attr = builtin("name", (_, self, [name]) => {
  const text = textArgument(name as Value, "the name of an attribute");
  const found = ownAttribute(self, text);
  return found === undefined ? new Undefined(() => missingAttribute(self, text)) : found;
});

/** Whether a name is one of a table. */
const named = (table: () => Builtins): Builtin =>
  builtin("", (_, self) => typeof self === "string" && table().has(self));

/** The tests of Jinja 3.1. */
export const tests: Builtins = new Map<string, Builtin>([
  ...plainTests,
  ["filter", named(() => filters)],
  ["test", named(() => tests)],
]);

/**
 * The filters of Jinja 3.1, with `tojson` as transformers has it. Not `random`, since a prompt must follow from its conversation, nor
 * `pprint` and `urlize`. What escapes HTML gives plain text: transformers does not escape by itself.
 */
export const filters: Builtins = new Map<string, Builtin>(
  Object.entries({
    ...{ ...listFilters, ...numberFilters, ...textFilters, ...applyingFilters(() => filters, tests) },
    ...{ attr, d: fallback, default: fallback },
  }),
);
