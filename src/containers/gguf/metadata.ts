import { FormatError } from "../../util/errors.ts";
import { quote } from "../../util/quote.ts";

/** A value of GGUF's metadata. 64-bit integers are numbers where these are exact, up to 2^53. */
export type MetadataValue = number | bigint | boolean | string | MetadataArray;

/** An array has elements of one type. Numbers of 64 bits are bigint, all of them. */
export type MetadataArray = readonly string[] | readonly boolean[] | NumberArray;

export type NumberArray =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | BigUint64Array
  | BigInt64Array
  | Float32Array
  | Float64Array;

/** Metadata by key, with accessors that check the type: a stranger's file may put anything under any key. */
export class Metadata {
  readonly #values: ReadonlyMap<string, MetadataValue>;
  readonly #label: string;

  constructor(values: ReadonlyMap<string, MetadataValue>, label: string) {
    this.#values = values;
    this.#label = label;
  }

  keys(): IterableIterator<string> {
    return this.#values.keys();
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  get(key: string): MetadataValue | undefined {
    return this.#values.get(key);
  }

  /** Throws FormatError for a value that is no text. */
  string(key: string): string | undefined {
    const value = this.get(key);
    if (value === undefined || typeof value === "string") return value;
    throw this.#wrong(key, "a text");
  }

  /** Throws FormatError for a value that is no finite number. */
  number(key: string): number | undefined {
    const value = this.get(key);
    if (value === undefined || (typeof value === "number" && Number.isFinite(value))) return value;
    throw this.#wrong(key, "a finite number");
  }

  /** Throws FormatError for a value that is no integer from 0 to 2^53. */
  count(key: string): number | undefined {
    const value = this.get(key);
    if (value === undefined || (typeof value === "number" && Number.isSafeInteger(value) && value >= 0)) return value;
    throw this.#wrong(key, "a whole number");
  }

  boolean(key: string): boolean | undefined {
    const value = this.get(key);
    if (value === undefined || typeof value === "boolean") return value;
    throw this.#wrong(key, "true or false");
  }

  strings(key: string): readonly string[] | undefined {
    const value = this.get(key);
    if (value === undefined) return undefined;
    // An empty array of another type holds no other strings than an empty one of strings.
    if (typeof value === "object" && (value.length === 0 || typeof value[0] === "string"))
      return [...value] as string[];
    throw this.#wrong(key, "a list of texts");
  }

  /** Numbers of at most 32 bits, or floats. */
  numbers(key: string): readonly number[] | undefined {
    const value = this.get(key);
    if (value === undefined) return undefined;
    if (typeof value === "object" && (value.length === 0 || typeof value[0] === "number"))
      return [...value] as number[];
    throw this.#wrong(key, "a list of numbers");
  }

  #wrong(key: string, wanted: string): FormatError {
    return new FormatError(`${this.#label}: ${quote(key)} is ${describe(this.get(key))}, not ${wanted}`);
  }
}

function describe(value: MetadataValue | undefined): string {
  if (typeof value === "object") return `a list of ${value.length}`;
  return typeof value === "string" ? `the text ${quote(value)}` : String(value);
}
