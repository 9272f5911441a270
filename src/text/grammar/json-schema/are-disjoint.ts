import { isJsonObject, type JsonValue } from "../../../util/json.ts";
import type { Conjunction } from "./located-schema.ts";
import { allowsType, keyOf, typesOf, valuesOf } from "./value-types.ts";

/** Whether it is certain that no value fulfils both: by their types, by listed values, or by those of a property that both need. */
export function areDisjoint(a: Conjunction, b: Conjunction): boolean {
  const [values, others] = [valuesOf(a), valuesOf(b)];
  if (values !== undefined && others !== undefined) return !haveCommon(values, others);
  const [types, otherTypes] = [typesOf(a), typesOf(b)];
  const common = [...types].filter((type) => allowsType(otherTypes, type));
  const shared = [...common, ...[...otherTypes].filter((type) => allowsType(types, type))];
  if (shared.length === 0) return true;
  if (shared.some((type) => type !== "object")) return false;
  return requiredOf(a).some((name) => {
    if (!requiredOf(b).includes(name)) return false;
    const [left, right] = [propertyValues(a, name), propertyValues(b, name)];
    return left !== undefined && right !== undefined && !haveCommon(left, right);
  });
}

function haveCommon(a: readonly JsonValue[], b: readonly JsonValue[]): boolean {
  const keys = new Set(a.map(keyOf));
  return b.some((value) => keys.has(keyOf(value)));
}

function requiredOf(schemas: Conjunction): readonly string[] {
  return schemas.flatMap(({ schema: { required } }) => (Array.isArray(required) ? required.filter(isText) : []));
}

function propertyValues(schemas: Conjunction, name: string): readonly JsonValue[] | undefined {
  const properties = schemas.flatMap(({ schema, path }) => {
    const property = isJsonObject(schema.properties) ? schema.properties[name] : undefined;
    return isJsonObject(property) ? [{ schema: property, path }] : [];
  });
  return valuesOf(properties);
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}
