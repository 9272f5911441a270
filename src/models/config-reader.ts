import { FormatError, UnsupportedError } from "../util/errors.ts";
import { quote } from "../util/quote.ts";

export interface Range {
  readonly min: number;
  readonly max: number;
}

/** Longest list of a config that is read at all. */
const longestList = 65_536;

/**
 * Typed reading of one JSON object of a stranger's `config.json`. Whatever is not what its key calls for throws a FormatError that says
 * where, what was found and what is accepted. `null` counts as absent, as transformers takes it, except for `has`.
 */
export class ConfigReader {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #label: string;

  /** `label` names the object in messages: a file, or a key inside of one. */
  constructor(value: unknown, label: string) {
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw new FormatError(`${label}: expected an object, found ${describe(value)}`);
    this.#values = value as Readonly<Record<string, unknown>>;
    this.#label = label;
  }

  /** True: the key is there, also when it says null. A few classes tell "none" (null) from "as usual" (no key). */
  has(key: string): boolean {
    return Object.hasOwn(this.#values, key);
  }

  /** An integer in the range. A float without a fraction, as some writers leave behind (`4096.0`), is one. */
  integer(key: string, range: Range, fallback?: number): number {
    return this.optionalInteger(key, range) ?? fallback ?? this.fail(key, `an integer ${within(range)}`);
  }

  optionalInteger(key: string, range: Range): number | undefined {
    return this.#read(key, `an integer ${within(range)}`, (value) =>
      Number.isSafeInteger(value) ? inRange(value as number, range) : undefined,
    );
  }

  number(key: string, range: Range, fallback?: number): number {
    return this.optionalNumber(key, range) ?? fallback ?? this.fail(key, `a number ${within(range)}`);
  }

  optionalNumber(key: string, range: Range): number | undefined {
    return this.#read(key, `a number ${within(range)}`, (value) => inRange(value, range));
  }

  boolean(key: string, fallback: boolean): boolean {
    const value = this.#read(key, "true or false", (found) => (typeof found === "boolean" ? found : undefined));
    return value ?? fallback;
  }

  optionalString(key: string): string | undefined {
    return this.#read(key, "a string", (value) => (typeof value === "string" ? value : undefined));
  }

  /** Numbers in the range, exactly `length` of them. */
  numbers(key: string, length: number, range: Range): readonly number[] {
    const accepted = `a list of ${length} numbers ${within(range)}`;
    const list = this.#read(key, accepted, (value) => listOf(value, (item) => inRange(item, range)));
    return list?.length === length ? list : this.fail(key, accepted);
  }

  /** Integers in the range, as many as there are. */
  optionalIntegers(key: string, range: Range): readonly number[] | undefined {
    return this.#read(key, `a list of integers ${within(range)}`, (value) =>
      listOf(value, (item) => (Number.isSafeInteger(item) ? inRange(item, range) : undefined)),
    );
  }

  optionalStrings(key: string): readonly string[] | undefined {
    return this.#read(key, "a list of strings", (value) =>
      listOf(value, (item) => (typeof item === "string" ? item : undefined)),
    );
  }

  /** The object under the key, whose messages then name both. */
  optionalObject(key: string): ConfigReader | undefined {
    const value = this.#get(key);
    return value === undefined ? undefined : new ConfigReader(value, `${this.#label}: ${key}`);
  }

  /** Throws the FormatError for a key: `accepted` completes "expected …". */
  fail(key: string, accepted: string): never {
    throw new FormatError(`${this.#label}: ${key}: expected ${accepted}, found ${describe(this.#get(key))}`);
  }

  /** Throws the UnsupportedError for a legal value of a key, or one of its list: `supported` says what fewbit can do. */
  refuse(key: string, supported: string, value: unknown = this.#get(key)): never {
    throw new UnsupportedError(
      `${this.#label}: ${key}: ${describe(value)} is not supported; supported: ${supported}`,
    );
  }

  #get(key: string): unknown {
    return Object.hasOwn(this.#values, key) ? (this.#values[key] ?? undefined) : undefined;
  }

  #read<T>(key: string, accepted: string, parse: (value: unknown) => T | undefined): T | undefined {
    const value = this.#get(key);
    return value === undefined ? undefined : (parse(value) ?? this.fail(key, accepted));
  }
}

function inRange(value: unknown, { min, max }: Range): number | undefined {
  return typeof value === "number" && value >= min && value <= max ? value : undefined;
}

function listOf<T>(value: unknown, parse: (item: unknown) => T | undefined): readonly T[] | undefined {
  if (!Array.isArray(value) || value.length > longestList) return undefined;
  const items = value.map(parse);
  return items.every((item) => item !== undefined) ? items : undefined;
}

function within({ min, max }: Range): string {
  return `from ${min} to ${max}`;
}

/** A value for messages, without what it contains, because a stranger chose its size. */
function describe(value: unknown): string {
  switch (typeof value) {
    case "undefined":
      return "nothing";
    case "string":
      return quote(value);
    case "number":
    case "boolean":
      return String(value);
    default:
      return Array.isArray(value) ? `a list of ${value.length}` : value === null ? "null" : "an object";
  }
}
