import { never, nothing, optional, repeat, sequence, type Expression } from "../expression.ts";
import { comma, inBrackets } from "../json-value.ts";
import { child, countsOf, listOf, unsupported } from "./located-schema.ts";
import type { Conjunction, LocatedSchema, LocatedValue } from "./located-schema.ts";
import type { SchemaContext } from "./schema-context.ts";

/** Elements whose schemas are given one by one. */
const mostPrefixed = 256;

/** An array that fulfils all of the schemas. */
export function arrayExpression(schemas: Conjunction, reader: SchemaContext): Expression {
  const { min, max } = countsOf(schemas, "minItems", "maxItems");
  const { rules } = reader;
  for (const located of schemas)
    if (located.schema.uniqueItems === true && max > 1)
      throw unsupported(child(located, "uniqueItems"), "elements cannot be compared with each other");
  const shapes = schemas.map(itemsOf);
  const prefixed = Math.max(0, ...shapes.map(({ prefix }) => prefix.length));
  if (prefixed > mostPrefixed)
    throw unsupported(schemas[0].path, `${prefixed} elements have schemas of their own; at most ${mostPrefixed} may`);
  const elementAt = (index: number): readonly LocatedValue[] =>
    shapes.flatMap(({ prefix, rest }) => prefix[index] ?? rest ?? []);
  // Where nothing fits, the array ends before.
  let most = max;
  for (let index = 0; index <= prefixed && index < most; index++) if (reader.isNever(elementAt(index))) most = index;
  if (min > most) return never;
  let list = most > prefixed ? rest() : nothing;
  for (let index = Math.min(prefixed, most) - 1; index >= 0; index--) {
    const separator = index === 0 ? nothing : comma(rules);
    const tail = sequence(separator, reader.value(elementAt(index)), list);
    list = index < min ? tail : optional(tail);
  }
  return inBrackets(rules, "[", list, "]");

  function rest(): Expression {
    const element = reader.value(elementAt(prefixed));
    const further = rules.add("element", sequence(comma(rules), element));
    if (prefixed > 0) return repeat(further, Math.max(0, min - prefixed), most - prefixed);
    const all = sequence(element, repeat(further, Math.max(0, min - 1), most - 1));
    return min === 0 ? optional(all) : all;
  }
}

interface Items {
  readonly prefix: readonly LocatedValue[];
  readonly rest: LocatedValue | undefined;
}

/** Draft 7 has a list in `items`, and `additionalItems` for what comes behind it. */
function itemsOf(located: LocatedSchema): Items {
  const { items, additionalItems } = located.schema;
  const keyword = Array.isArray(items) ? "items" : "prefixItems";
  const prefix = (listOf(located, keyword) ?? []).map((value, i) => ({ value, path: child(located, keyword, i) }));
  const restKeyword = Array.isArray(items) ? "additionalItems" : "items";
  const rest = Array.isArray(items) ? additionalItems : items;
  return { prefix, rest: rest === undefined ? undefined : { value: rest, path: child(located, restKeyword) } };
}
