import { FormatError } from "./errors.ts";
import { quote } from "./quote.ts";

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;

/** Has no prototype: `constructor` or `__proto__` are keys like any other, and absent ones are undefined. */
export interface JsonObject {
  readonly [key: string]: JsonValue | undefined;
}

export interface JsonLimits {
  readonly maxBytes: number;
  /** Objects and arrays inside of each other. */
  readonly maxDepth: number;
}

/** Configs have kilobytes and a handful of levels; a `dynamic` list of a large model may reach a megabyte. */
const configLimits: JsonLimits = { maxBytes: 16 * 2 ** 20, maxDepth: 64 };

/**
 * Parses a stranger's JSON. As json.load of Python, and so every tool that users have, the last of two equal keys wins;
 * numbers beyond f64 become Infinity, so whoever reads a number must check it. Objects of the result have no prototype.
 * Throws FormatError for more bytes or levels than the limits, invalid UTF-8 and malformed JSON; `label` names the file.
 */
export function parseJson(bytes: Uint8Array, label: string, limits: JsonLimits = configLimits): JsonValue {
  if (bytes.byteLength > limits.maxBytes) {
    throw new FormatError(`${label}: has ${bytes.byteLength} bytes; at most ${limits.maxBytes} are read`);
  }
  if (isNestedDeeper(bytes, limits.maxDepth))
    throw new FormatError(`${label}: is nested more than ${limits.maxDepth} levels deep`);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new FormatError(`${label}: is not valid UTF-8`, { cause });
  }
  try {
    return withoutPrototypes(JSON.parse(text) as JsonValue);
  } catch (cause) {
    // The parser's message quotes the file.
    throw new FormatError(`${label}: is not valid JSON: ${quote((cause as Error).message)}`, { cause });
  }
}

/** Parses JSON that must be an object; errors as parseJson. */
export function parseJsonObject(bytes: Uint8Array, label: string, limits?: JsonLimits): JsonObject {
  const value = parseJson(bytes, label, limits);
  if (!isJsonObject(value)) throw new FormatError(`${label}: must hold a JSON object, found ${jsonType(value)}`);
  return value;
}

export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** For messages: "null", "a list", "an object", "a string". */
export function jsonType(value: JsonValue): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

/** Counts the brackets of JSON outside of strings, before anything is built: the walk over the result may then recurse. */
export function isNestedDeeper(bytes: Uint8Array, maxDepth: number): boolean {
  return excessOf(bytes, { maxDepth, maxValues: Infinity }) === "depth";
}

/**
 * Which limit JSON is beyond, found out before anything is built. Values are counted by the commas and brackets outside of strings: what
 * parsing costs goes by them, some microsecond each, and long texts are hardly any.
 */
export function excessOf(
  bytes: Uint8Array,
  { maxDepth, maxValues }: { readonly maxDepth: number; readonly maxValues: number },
): "depth" | "values" | undefined {
  // Of typed arrays V8 knows `length` better than `byteLength`: five times as fast.
  const { length } = bytes;
  let depth = 0;
  let values = 1;
  for (let i = 0; i < length; i++) {
    const byte = bytes[i];
    if (byte === 0x22) i = stringEnd(bytes, i + 1);
    else if (byte === 0x2c) {
      if (++values > maxValues) return "values";
    } else if (byte === 0x5b || byte === 0x7b) {
      if (++depth > maxDepth) return "depth";
      if (++values > maxValues) return "values";
    } else if (byte === 0x5d || byte === 0x7d) depth--;
  }
  return undefined;
}

/** The place of the quotation mark that ends a string, or the end of the bytes. */
function stringEnd(bytes: Uint8Array, start: number): number {
  const { length } = bytes;
  let i = start;
  while (i < length && bytes[i] !== 0x22) i += bytes[i] === 0x5c ? 2 : 1;
  return i;
}

function withoutPrototypes(value: JsonValue): JsonValue {
  if (typeof value !== "object" || value === null) return value;
  if (!Array.isArray(value)) Object.setPrototypeOf(value, null);
  for (const child of Object.values(value) as JsonValue[]) withoutPrototypes(child);
  return value;
}
