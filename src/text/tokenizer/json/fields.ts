import { FormatError, UnsupportedError } from "../../../util/errors.ts";
import { quote } from "../../../util/quote.ts";

/** A text of a component may be as long as this; the longest in use, a charsmap, is read by itself. */
const maxTextLength = 2 ** 16;

/** A JSON object with the place where it stands, for checked reads. Every error is a FormatError that names the field. */
export class Fields {
  readonly where: string;
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(value: unknown, where: string) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new FormatError(`${where} is ${describe(value)}, not an object`);
    }
    this.where = where;
    this.#values = value as Readonly<Record<string, unknown>>;
  }

  /** Own values only, null as if it were absent. */
  value(name: string): unknown {
    return Object.hasOwn(this.#values, name) ? (this.#values[name] ?? undefined) : undefined;
  }

  has(name: string): boolean {
    return this.value(name) !== undefined;
  }

  /** The fallback is for a field that is absent or null; without one the field must be there. */
  text(name: string, fallback?: string): string {
    return this.optionalText(name) ?? fallback ?? this.#fail(name, "a text");
  }

  optionalText(name: string): string | undefined {
    const value = this.value(name);
    if (value === undefined) return undefined;
    if (typeof value !== "string") return this.#fail(name, "a text");
    if (value.length > maxTextLength) {
      throw new FormatError(`${this.where}.${name} has ${value.length} characters; at most ${maxTextLength} are taken`);
    }
    return value;
  }

  /** One character, which may have two UTF-16 units. */
  character(name: string): string {
    const text = this.text(name);
    if (text === "" || text.length > 2 || String.fromCodePoint(text.codePointAt(0) ?? 0) !== text) {
      return this.#fail(name, "one character");
    }
    return text;
  }

  flag(name: string, fallback?: boolean): boolean {
    const value = this.value(name) ?? fallback;
    return typeof value === "boolean" ? value : this.#fail(name, "true or false");
  }

  integer(name: string, largest: number, fallback?: number): number {
    const value = this.value(name) ?? fallback;
    if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= largest) return value;
    return this.#fail(name, `an integer from 0 to ${largest}`);
  }

  oneOf<Choice extends string>(name: string, choices: readonly Choice[], fallback?: Choice): Choice {
    const value = this.value(name) ?? fallback;
    return choices.find((choice) => choice === value) ?? this.#fail(name, `one of ${choices.join(", ")}`);
  }

  list(name: string, maxLength: number): readonly unknown[] {
    const value = this.value(name);
    if (!Array.isArray(value)) return this.#fail(name, "a list");
    if (value.length > maxLength) {
      throw new FormatError(`${this.where}.${name} has ${value.length} elements; at most ${maxLength} are taken`);
    }
    return value as readonly unknown[];
  }

  /** Throws UnsupportedError for a name that is unknown. */
  type<Type extends string>(known: readonly Type[], guess?: Type): Type {
    const type = this.value("type") ?? guess;
    if (typeof type !== "string") return this.#fail("type", "a text");
    const found = known.find((name) => name === type);
    if (found !== undefined) return found;
    throw new UnsupportedError(`${this.where}.type is ${quote(type)}; supported are ${known.join(", ")}`);
  }

  #fail(name: string, expected: string): never {
    throw new FormatError(`${this.where}.${name} is ${describe(this.value(name))}, not ${expected}`);
  }
}

function describe(value: unknown): string {
  if (value === undefined || value === null) return "absent";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "an object";
  if (typeof value === "string") return quote(value);
  return typeof value === "number" || typeof value === "boolean" ? String(value) : typeof value;
}
