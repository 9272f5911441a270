import { RequestError } from "../../../util/errors.ts";
import { isJsonObject, jsonType, type JsonObject, type JsonValue } from "../../../util/json.ts";
import { quote } from "../../../util/quote.ts";

/** A schema, and where it stands in the document: "#/properties/name". */
export interface LocatedSchema {
  readonly schema: JsonObject;
  readonly path: string;
}

/** A schema as JSON has it: `true` and `false` are schemas too. */
export interface LocatedValue {
  readonly value: JsonValue;
  readonly path: string;
}

/** All that must hold together. Empty: anything goes. */
export type Conjunction = readonly LocatedSchema[];

export function child({ path }: { readonly path: string }, ...keys: readonly (string | number)[]): string {
  return [path, ...keys.map((key) => String(key).replaceAll("~", "~0").replaceAll("/", "~1"))].join("/");
}

export function refuse(path: string, why: string): RequestError {
  return new RequestError(`the JSON schema, at ${quote(path)}: ${why}`);
}

export function unsupported(path: string, why: string): RequestError {
  return refuse(path, `${why}; leave it out, or say it otherwise`);
}

/** The keyword's value as an object; undefined where it is absent. */
export function objectOf({ schema, path }: LocatedSchema, keyword: string): JsonObject | undefined {
  const value = schema[keyword];
  if (value === undefined || isJsonObject(value)) return value;
  throw refuse(`${path}/${keyword}`, `must be an object, found ${jsonType(value)}`);
}

export function listOf({ schema, path }: LocatedSchema, keyword: string): readonly JsonValue[] | undefined {
  const value = schema[keyword];
  if (value === undefined || Array.isArray(value)) return value as readonly JsonValue[] | undefined;
  throw refuse(`${path}/${keyword}`, `must be a list, found ${jsonType(value)}`);
}

export function numberOf({ schema, path }: LocatedSchema, keyword: string): number | undefined {
  const value = schema[keyword];
  if (value === undefined || (typeof value === "number" && Number.isFinite(value))) return value;
  throw refuse(`${path}/${keyword}`, `must be a number, found ${jsonType(value)}`);
}

export function stringOf({ schema, path }: LocatedSchema, keyword: string): string | undefined {
  const value = schema[keyword];
  if (value === undefined || typeof value === "string") return value;
  throw refuse(`${path}/${keyword}`, `must be a string, found ${jsonType(value)}`);
}

/** The largest of the schemas' lower counts and the smallest of their upper ones. */
export function countsOf(
  schemas: Conjunction,
  least: string,
  most: string,
): { readonly min: number; readonly max: number } {
  let min = 0;
  let max = Infinity;
  for (const located of schemas) {
    min = Math.max(min, countOf(located, least) ?? 0);
    max = Math.min(max, countOf(located, most) ?? Infinity);
  }
  return { min, max };
}

function countOf(located: LocatedSchema, keyword: string): number | undefined {
  const count = numberOf(located, keyword);
  if (count === undefined || (Number.isInteger(count) && count >= 0)) return count;
  throw refuse(`${located.path}/${keyword}`, `must be an integer of at least 0, found ${count}`);
}
