import { RequestError } from "../../util/errors.ts";
import { quote } from "../../util/quote.ts";
import { Dict, type Value } from "./values.ts";

/** Lists and objects inside of each other, as a conversation may have them; also ends what contains itself. */
const mostLevels = 100;

/** Brings in what JavaScript holds, and says how much that was: nothing of its prototypes or functions comes along. */
export class JsonImport {
  #values = 0;
  #characters = 0;

  /** Values brought in, of lists and objects too. */
  get values(): number {
    return this.#values;
  }

  /** Of all texts and keys together. */
  get characters(): number {
    return this.#characters;
  }

  /**
   * A value of JSON, or a bigint. JavaScript does not tell 1.0 from 1: what is an integer, and small enough to be exact, comes in as
   * one. Keys whose value is undefined are left out. Throws RequestError for anything else; `path` names the value in its message.
   */
  value(source: unknown, path: string, level = 0): Value {
    this.#values++;
    if (source === null || source === undefined) return null;
    if (typeof source === "boolean" || typeof source === "bigint") return source;
    if (typeof source === "number") return Number.isSafeInteger(source) ? BigInt(source) : source;
    if (typeof source === "string") {
      this.#characters += source.length;
      return source;
    }
    if (typeof source === "object") {
      if (level === mostLevels)
        throw new RequestError(`${path.slice(0, 200)}: is nested more than ${mostLevels} levels deep`);
      if (Array.isArray(source)) return source.map((item, i) => this.value(item, `${path}[${i}]`, level + 1));
      if (isPlain(source)) return this.#dict(source, path, level);
    }
    throw new RequestError(
      `${path.slice(0, 200)}: is neither null, a boolean, a number, a string, a list nor a plain object`,
    );
  }

  #dict(source: object, path: string, level: number): Dict {
    const dict = new Dict();
    for (const [key, value] of Object.entries(source) as [string, unknown][]) {
      if (value === undefined) continue;
      this.#characters += key.length;
      dict.set(key, this.value(value, level < 4 ? `${path}.${quote(key).slice(1, -1)}` : path, level + 1));
    }
    return dict;
  }
}

/** Of any realm: what has a prototype of its own has methods, whose absence would surprise. */
function isPlain(source: object): boolean {
  const prototype = Object.getPrototypeOf(source) as object | null;
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
