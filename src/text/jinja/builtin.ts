import type { Allowance } from "./allowance.ts";
import { renderError, shown } from "./template-errors.ts";
import { isList, typeName, Undefined, type Arguments, type Value } from "./values.ts";

/**
 * A filter, a test or a method: `self` is the value on its left. Arguments come in the order of the parameters, undefined where one was
 * not given; where the parameters end with `*`, what is left over comes as `rest`.
 */
export interface Builtin {
  readonly parameters: readonly Parameter[];
  readonly takesRest: boolean;
  readonly run: (allowance: Allowance, self: Value, given: readonly (Value | undefined)[], rest: Arguments) => Value;
}

interface Parameter {
  readonly name: string;
  readonly isRequired: boolean;
}

export type Builtins = ReadonlyMap<string, Builtin>;

/** Declares one with parameters such as `"old new count?"`: a `?` may be left out, a final `*` takes all else. */
export function builtin(parameters: string, run: Builtin["run"]): Builtin {
  const words = parameters === "" ? [] : parameters.split(" ");
  const takesRest = words.at(-1) === "*";
  return {
    parameters: (takesRest ? words.slice(0, -1) : words).map((word) => ({
      name: word.replace("?", ""),
      isRequired: !word.endsWith("?"),
    })),
    takesRest,
    run,
  };
}

/** Calls with arguments as a template gives them. `name` is for the message of the RequestError that wrong ones make. */
export function callBuiltin(name: string, callee: Builtin, allowance: Allowance, self: Value, args: Arguments): Value {
  const { parameters, takesRest } = callee;
  const { positional, named } = args;
  allowance.spend();
  if (positional.length === 0 && named.size === 0 && parameters.every(({ isRequired }) => !isRequired))
    return callee.run(allowance, self, positional, args);
  if (positional.length > parameters.length && !takesRest)
    throw renderError(`${name}() takes at most ${parameters.length} arguments, ${positional.length} were given`);
  const given: (Value | undefined)[] = positional.slice(0, parameters.length);
  const rest = new Map<string, Value>();
  for (const [key, value] of named) {
    const index = parameters.findIndex((parameter) => parameter.name === key);
    if (index >= 0 && given[index] === undefined) given[index] = value;
    else if (index < 0 && takesRest) rest.set(key, value);
    else throw renderError(`${name}() ${index < 0 ? "has no argument" : "got twice the argument"} ${shown(key)}`);
  }
  const missing = parameters.find(({ isRequired }, i) => isRequired && given[i] === undefined);
  if (missing !== undefined) throw renderError(`${name}() needs the argument ${shown(missing.name)}`);
  return callee.run(allowance, self, given, { positional: positional.slice(parameters.length), named: rest });
}

/** The value as a text, for arguments that must be one. Throws RequestError. */
export function textArgument(value: Value, what: string): string {
  if (typeof value === "string") return value;
  throw wrongType(value, what, "a string");
}

/** The value as an index or count, for arguments that must be integers; beyond 2^53 as ±2^53. Throws RequestError. */
export function integerArgument(value: Value, what: string): number {
  if (typeof value === "boolean") return Number(value);
  if (typeof value === "bigint") return clampToIndex(value);
  throw wrongType(value, what, "an integer");
}

const largest = BigInt(Number.MAX_SAFE_INTEGER);

export function clampToIndex(value: bigint): number {
  return Number(value > largest ? largest : value < -largest ? -largest : value);
}

export function wrongType(value: Value, what: string, wanted: string): Error {
  if (value instanceof Undefined) return renderError(value.problem);
  return renderError(`${what} must be ${wanted}, found ${isList(value) ? "a list" : typeName(value)}`);
}
