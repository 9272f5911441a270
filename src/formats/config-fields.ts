import { FormatError } from "../util/errors.ts";
import { jsonType, type JsonObject, type JsonValue } from "../util/json.ts";
import { quote } from "../util/quote.ts";

/** Typed reading of a config's keys with their synonyms, best first; null counts as absent. Throws FormatError for another type. */
export class ConfigFields {
  readonly #values: JsonObject;
  readonly #label: string;

  constructor(values: JsonObject, label: string) {
    this.#values = values;
    this.#label = label;
  }

  get(key: string): JsonValue | undefined {
    return Object.hasOwn(this.#values, key) ? (this.#values[key] ?? undefined) : undefined;
  }

  string(...keys: readonly string[]): string | undefined {
    return this.#first(keys, "a string", (value) => typeof value === "string");
  }

  boolean(...keys: readonly string[]): boolean | undefined {
    return this.#first(keys, "true or false", (value) => typeof value === "boolean");
  }

  integer(least: number, ...keys: readonly string[]): number | undefined {
    const accepted = `an integer of at least ${least}`;
    return this.#first(keys, accepted, (value) => Number.isSafeInteger(value) && (value as number) >= least);
  }

  /** A list of `count` integers. */
  integers(least: number, count: number, ...keys: readonly string[]): readonly number[] | undefined {
    const accepted = `a list of ${count} integers of at least ${least}`;
    const isInteger = (value: JsonValue): boolean => Number.isSafeInteger(value) && (value as number) >= least;
    return this.#first<readonly number[]>(
      keys,
      accepted,
      (value) => Array.isArray(value) && value.length === count && value.every(isInteger),
    );
  }

  #first<Value extends JsonValue>(
    keys: readonly string[],
    accepted: string,
    isAccepted: (value: JsonValue) => boolean,
  ): Value | undefined {
    for (const key of keys) {
      const value = this.get(key);
      if (value === undefined) continue;
      if (!isAccepted(value)) {
        const found = typeof value === "object" ? jsonType(value) : quote(String(value));
        throw new FormatError(`${this.#label}: "${key}" must be ${accepted}, found ${found}`);
      }
      return value as Value;
    }
    return undefined;
  }
}
