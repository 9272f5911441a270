import { callBuiltin, type Builtin } from "./builtin.ts";
import { dictMethods, listMethods, tupleMethods } from "./collection-methods.ts";
import { floatMethods, integerMethods } from "./number-methods.ts";
import type { Allowance } from "./allowance.ts";
import { elementAt } from "./sequences.ts";
import { stringMethods } from "./string-methods.ts";
import { renderError, shown } from "./template-errors.ts";
import { Callable, Dict, isList, Lazy, TemplateObject, Tuple, typeName, Undefined, type Value } from "./values.ts";

/** `value.name`: a method before a key of the same name. Throws RequestError where the value is undefined itself. */
export function getAttribute(allowance: Allowance, value: Value, name: string): Value {
  allowance.spend();
  const own = ownAttribute(value, name);
  const found = own === undefined && value instanceof Dict ? value.get(name) : own;
  return found === undefined ? new Undefined(() => missingAttribute(value, name)) : found;
}

/** `value[key]`: a key before a method of the same name. Throws RequestError where the value is undefined itself. */
export function getItem(allowance: Allowance, value: Value, key: Value): Value {
  allowance.spend();
  if (value instanceof Undefined) throw renderError(value.problem);
  if (key instanceof Undefined) return new Undefined(() => `a key is undefined: ${key.problem}`);
  const item = value instanceof Dict ? value.get(key) : elementOf(allowance, value, key);
  if (item !== undefined) return item;
  if (typeof key === "string") {
    const own = ownAttribute(value, key);
    return own === undefined ? new Undefined(() => missingAttribute(value, key)) : own;
  }
  const printed = typeof key === "bigint" ? String(key) : `of type ${typeName(key)}`;
  return new Undefined(() => `a value of type ${typeName(value)} has no element ${printed}`);
}

function elementOf(allowance: Allowance, value: Value, key: Value): Value | undefined {
  const index = typeof key === "boolean" ? BigInt(key) : key;
  return typeof index === "bigint" ? elementAt(allowance, value, index) : undefined;
}

/** A method, or an attribute that is no key. Throws RequestError where the value is undefined itself. */
export function ownAttribute(value: Value, name: string): Value | undefined {
  if (value instanceof Undefined) throw renderError(value.problem);
  if (value instanceof Tuple && value.names.includes(name)) return value.items[value.names.indexOf(name)];
  const method = methodsOf(value)?.get(name);
  if (method !== undefined)
    return new Callable(name, (allowance, args) => callBuiltin(name, method, allowance, value, args));
  return value instanceof TemplateObject ? value.attribute(name) : undefined;
}

function methodsOf(value: Value): ReadonlyMap<string, Builtin> | undefined {
  if (typeof value === "string") return stringMethods;
  if (value instanceof Dict) return dictMethods;
  if (isList(value)) return listMethods;
  if (value instanceof Tuple) return tupleMethods;
  if (typeof value === "bigint" || typeof value === "boolean") return integerMethods;
  return typeof value === "number" ? floatMethods : undefined;
}

/** What changes a list or dict in Python; the sandbox of transformers refuses these. */
const changing: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ["list", new Set(["append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"])],
  ["dict", new Set(["clear", "pop", "popitem", "setdefault", "update"])],
]);

/** Why there is none. */
export function missingAttribute(value: Value, name: string): string {
  const type = value instanceof Lazy ? "generator" : typeName(value);
  if (name.startsWith("_")) return `the attribute ${shown(name)} of a ${type} is out of reach of templates`;
  if (changing.get(type)?.has(name)) return `${name}() would change a ${type}, which templates cannot`;
  return value === null
    ? `none has no attribute ${shown(name)}`
    : `a value of type ${type} has no attribute ${shown(name)}`;
}
