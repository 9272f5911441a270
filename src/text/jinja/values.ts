import type { Allowance } from "./allowance.ts";
import { renderError, shown } from "./template-errors.ts";

/**
 * A value of a template. Integers are bigints and so of any size, as Python's are; a number is always a float. Text is a JavaScript
 * string, whose length and positions count code points wherever a template can see them. Lists and dicts never change once made (the
 * sandbox of transformers refuses what would change them), so they are shared freely and never contain themselves.
 */
export type Value = null | boolean | bigint | number | string | readonly Value[] | Tuple | Dict | TemplateObject;

/** A value of another kind than those of JSON. */
export abstract class TemplateObject {
  /** As Python's type() names it. */
  abstract readonly typeName: string;

  /** Absent: the value has no such attribute. */
  attribute(_name: string): Value | undefined {
    return undefined;
  }

  /** What printing it gives. */
  describe(_runtime: Allowance): string {
    return `<${this.typeName}>`;
  }

  /** Undefined: it cannot be called. */
  readonly call: ((allowance: Allowance, args: Arguments) => Value) | undefined = undefined;
}

/** What a call passes. */
export interface Arguments {
  readonly positional: readonly Value[];
  readonly named: ReadonlyMap<string, Value>;
}

export const noArguments: Arguments = { positional: [], named: new Map() };

export class Tuple {
  readonly items: readonly Value[];
  /** Of the items, for a named tuple. */
  readonly names: readonly string[];

  constructor(items: readonly Value[], names: readonly string[] = []) {
    this.items = items;
    this.names = names;
  }
}

/** What a name, key or attribute gives that is not there. Prints as nothing and is false; whoever asks more of it meets `problem`. */
export class Undefined extends TemplateObject {
  override readonly typeName = "Undefined";
  readonly #explain: () => string;

  /** Most of them are only asked whether they are defined, so why they are not is put into words when it is needed. */
  constructor(explain: () => string) {
    super();
    this.#explain = explain;
  }

  get problem(): string {
    return this.#explain();
  }

  /** Within a list; by itself it prints as nothing. */
  override describe(): string {
    return "Undefined";
  }
}

export function undefinedName(name: string): Undefined {
  return new Undefined(() => `${shown(name)} is undefined`);
}

/** Values that are made one by one as they are asked for, once: what filters such as `map` give. Always true, without a length. */
export class Lazy extends TemplateObject {
  override readonly typeName: string;
  readonly values: Iterator<Value>;

  constructor(values: Iterator<Value>, typeName = "generator") {
    super();
    this.values = values;
    this.typeName = typeName;
  }

  override describe(): string {
    return `<${this.typeName} object>`;
  }
}

/** `range(…)`: its elements are made as they are needed. */
export class Range extends TemplateObject {
  override readonly typeName = "range";
  readonly start: bigint;
  readonly step: bigint;
  readonly stop: bigint;
  readonly length: number;

  constructor(start: bigint, stop: bigint, step: bigint, length: number) {
    super();
    this.start = start;
    this.stop = stop;
    this.step = step;
    this.length = length;
  }

  at(index: number): bigint {
    return this.start + BigInt(index) * this.step;
  }

  override describe(): string {
    return `range(${this.start}, ${this.stop}${this.step === 1n ? "" : `, ${this.step}`})`;
  }
}

/** A function or method. */
export class Callable extends TemplateObject {
  override readonly typeName: string = "function";
  readonly name: string;
  override readonly call: (allowance: Allowance, args: Arguments) => Value;

  constructor(name: string, call: (allowance: Allowance, args: Arguments) => Value) {
    super();
    this.name = name;
    this.call = call;
  }

  override describe(): string {
    return `<${this.typeName} ${this.name}>`;
  }
}

/** Keys that are equal in Python are one key here: 1, 1.0 and true. Strings are themselves, less those that begin like a tuple's key. */
type HashKey = string | bigint | number | null;

/** In the order of insertion. Not changed once it is handed out. */
export class Dict {
  readonly #entries = new Map<HashKey, readonly [key: Value, value: Value]>();

  /** Throws RequestError for an entry whose key cannot be one. */
  static from(entries: Iterable<readonly [Value, Value]>): Dict {
    const dict = new Dict();
    for (const [key, value] of entries) dict.set(key, value);
    return dict;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** For whoever builds the dict. The key stays as it was first written, as in Python. */
  set(key: Value, value: Value): void {
    const hash = hashKey(key);
    const first = this.#entries.get(hash)?.[0] ?? key;
    this.#entries.set(hash, [first, value]);
  }

  get(key: Value): Value | undefined {
    return this.#entries.get(hashKey(key))?.[1];
  }

  has(key: Value): boolean {
    return this.#entries.has(hashKey(key));
  }

  entries(): Iterable<readonly [key: Value, value: Value]> {
    return this.#entries.values();
  }

  *keys(): Generator<Value> {
    for (const [key] of this.#entries.values()) yield key;
  }

  *values(): Generator<Value> {
    for (const [, value] of this.#entries.values()) yield value;
  }
}

/** `keys()`, `values()` and `items()` of a dict. */
export class DictView extends TemplateObject {
  override readonly typeName: string;
  readonly dict: Dict;
  readonly part: "keys" | "values" | "items";

  constructor(dict: Dict, part: DictView["part"]) {
    super();
    this.dict = dict;
    this.part = part;
    this.typeName = `dict_${part}`;
  }

  *elements(): Generator<Value> {
    for (const [key, value] of this.dict.entries())
      yield this.part === "keys" ? key : this.part === "values" ? value : new Tuple([key, value]);
  }
}

/** `namespace(…)`: the one thing that a template can change. */
export class Namespace extends TemplateObject {
  override readonly typeName = "Namespace";
  readonly #attributes = new Map<string, Value>();

  /** Throws RequestError for names that begin with an underscore, as transformers does. */
  set(name: string, value: Value): void {
    if (name.startsWith("_")) throw renderError(`a namespace cannot have the attribute ${shown(name)}: rename it`);
    this.#attributes.set(name, value);
  }

  entries(): Iterable<readonly [name: string, value: Value]> {
    return this.#attributes;
  }

  override attribute(name: string): Value | undefined {
    return this.#attributes.get(name);
  }
}

export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

/** As Python's type() names it. */
export function typeName(value: Value): string {
  if (value === null) return "NoneType";
  switch (typeof value) {
    case "boolean":
      return "bool";
    case "bigint":
      return "int";
    case "number":
      return "float";
    case "string":
      return "str";
    default:
      if (isList(value)) return "list";
      if (value instanceof Tuple) return "tuple";
      return value instanceof Dict ? "dict" : value.typeName;
  }
}

export function isTrue(value: Value): boolean {
  if (typeof value === "string" || isList(value)) return value.length > 0;
  if (typeof value !== "object" || value === null) return Boolean(value);
  if (value instanceof Dict) return value.size > 0;
  if (value instanceof Tuple) return value.items.length > 0;
  if (value instanceof Range) return value.length > 0;
  if (value instanceof DictView) return value.dict.size > 0;
  return !(value instanceof Undefined);
}

function isExact(integer: bigint): boolean {
  return integer <= Number.MAX_SAFE_INTEGER && integer >= -Number.MAX_SAFE_INTEGER;
}

/** Tuples within tuples, and elements of each, in a key. The same tuple may stand in one many times over, so this bounds work. */
const mostKeyLevels = 3;
const mostKeyItems = 16;

function hashKey(key: Value, level = 0): HashKey {
  if (typeof key === "string") return key.charCodeAt(0) <= 1 ? `\0${key}` : key;
  if (key === null) return key;
  if (typeof key === "boolean") return Number(key);
  // Maps find numbers much faster than bigints; which of both it is depends on the value alone.
  if (typeof key === "bigint") return isExact(key) ? Number(key) : key;
  if (typeof key === "number") return Number.isInteger(key) && !Number.isSafeInteger(key) ? BigInt(key) : key;
  if (key instanceof Tuple && level < mostKeyLevels && key.items.length <= mostKeyItems) {
    const parts = key.items.map((item) => {
      const hash = hashKey(item, level + 1);
      return typeof hash === "string" ? `${hash.length}:${hash}` : typeof hash === "bigint" ? `${hash}` : `(${hash})`;
    });
    return `\x01${parts.join(",")}`;
  }
  if (key instanceof Undefined) throw renderError(key.problem);
  throw renderError(`a ${typeName(key)} cannot be a key of a dict`);
}
