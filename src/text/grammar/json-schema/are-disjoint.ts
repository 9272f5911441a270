import { isJsonObject, type JsonValue } from "../../../util/json.ts";
import type { Conjunction } from "./located-schema.ts";
import { allowsType, keyOf, typesOf, valuesOf, type TypeName } from "./value-types.ts";

/** What is certain about the values that fulfil all of some schemas. */
export interface Outline {
  readonly types: ReadonlySet<TypeName>;
  /** Keys of the values that are listed; undefined: there is no list. */
  readonly values: ReadonlySet<string> | undefined;
  /** The same of properties that are required. */
  readonly properties: ReadonlyMap<string, ReadonlySet<string>>;
}

export function outlineOf(schemas: Conjunction): Outline {
  const properties = new Map<string, ReadonlySet<string>>();
  for (const name of requiredOf(schemas)) {
    const values = keysOf(propertyValues(schemas, name));
    if (values !== undefined) properties.set(name, values);
  }
  return { types: typesOf(schemas), values: keysOf(valuesOf(schemas)), properties };
}

/** Whether it is certain that no value fits both: by their types, by listed values, or by those of a property that both need. */
export function areDisjoint(a: Outline, b: Outline): boolean {
  if (a.values !== undefined && b.values !== undefined) return !haveCommon(a.values, b.values);
  for (const [these, others] of [[a.types, b.types] as const, [b.types, a.types] as const])
    for (const type of these) if (type !== "object" && allowsType(others, type)) return false;
  if (!a.types.has("object") || !b.types.has("object")) return true;
  for (const [name, values] of a.properties) {
    const others = b.properties.get(name);
    if (others !== undefined && !haveCommon(values, others)) return true;
  }
  return false;
}

function haveCommon(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  for (const key of a) if (b.has(key)) return true;
  return false;
}

function keysOf(values: readonly JsonValue[] | undefined): ReadonlySet<string> | undefined {
  return values && new Set(values.map(keyOf));
}

function requiredOf(schemas: Conjunction): readonly string[] {
  return schemas.flatMap(({ schema: { required } }) => (Array.isArray(required) ? required.filter(isText) : []));
}

function propertyValues(schemas: Conjunction, name: string): readonly JsonValue[] | undefined {
  const properties = schemas.flatMap(({ schema, path }) => {
    const { properties } = schema;
    const property = isJsonObject(properties) && Object.hasOwn(properties, name) ? properties[name] : undefined;
    return isJsonObject(property) ? [{ schema: property, path }] : [];
  });
  return valuesOf(properties);
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}
