import type { JsonValue } from "../../../util/json.ts";
import { quote } from "../../../util/quote.ts";
import { child, refuse, type Conjunction, type LocatedSchema } from "./located-schema.ts";

const typeNames = ["null", "boolean", "object", "array", "number", "integer", "string"] as const;
export type TypeName = (typeof typeNames)[number];

/** The types that all of the schemas allow; "integer" only where not every "number" is. */
export function typesOf(schemas: Conjunction): ReadonlySet<TypeName> {
  let allowed: ReadonlySet<TypeName> = new Set(typeNames);
  for (const located of schemas) {
    const named = namedTypes(located);
    if (named !== undefined) allowed = new Set([...allowed].filter((type) => named.has(type)));
  }
  if (!allowed.has("number")) return allowed;
  return new Set([...allowed].filter((type) => type !== "integer"));
}

/** Undefined: all. */
function namedTypes(located: LocatedSchema): ReadonlySet<string> | undefined {
  const { schema } = located;
  if (schema.type === undefined) return undefined;
  const names = Array.isArray(schema.type) ? (schema.type as readonly JsonValue[]) : [schema.type];
  const found = new Set<string>();
  for (const name of names) {
    if (!typeNames.includes(name as TypeName))
      throw refuse(
        child(located, "type"),
        `${typeof name === "string" ? quote(name) : "what is not a text"} is no type; these are: ${typeNames.join(", ")}`,
      );
    found.add(name as TypeName);
  }
  if (found.has("number")) found.add("integer");
  if (schema.nullable === true) found.add("null"); // OpenAPI 3.0
  return found;
}

export function typeOf(value: JsonValue): TypeName {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value as "boolean" | "object" | "string";
}

export function allowsType(types: ReadonlySet<TypeName>, type: TypeName): boolean {
  return types.has(type) || (type === "integer" && types.has("number"));
}

/** The values that the schemas list; undefined: none of them has a list. */
export function valuesOf(schemas: Conjunction): readonly JsonValue[] | undefined {
  const types = typesOf(schemas);
  let values: readonly JsonValue[] | undefined;
  for (const located of schemas) {
    const { schema } = located;
    for (const keyword of ["const", "enum"] as const) {
      const given = schema[keyword];
      if (given === undefined) continue;
      if (keyword === "enum" && !Array.isArray(given)) throw refuse(child(located, keyword), "must be a list");
      const listed = keyword === "enum" ? (given as readonly JsonValue[]) : [given];
      const keys = new Set(listed.map(keyOf));
      values = values === undefined ? listed : values.filter((value) => keys.has(keyOf(value)));
    }
  }
  return values?.filter((value) => allowsType(types, typeOf(value)));
}

/** Equal for equal values, whatever the order of their members. */
export function keyOf(value: JsonValue): string {
  return JSON.stringify(value, (_, each: JsonValue) =>
    typeof each === "object" && each !== null && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  );
}
