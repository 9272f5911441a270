import { functionBegin, functionEnd, parameterBegin, parameterEnd } from "./marks.ts";
import { PartReader } from "./part-reader.ts";

/**
 * Reads `<function=name><parameter=key>value</parameter>…</function>`, as Qwen3-Coder writes calls, from text that comes in pieces. A
 * value stands for itself where the tool takes a text, and is JSON where it takes anything else; one line feed on each side is none of it.
 */
export class XmlCallReader extends PartReader {
  readonly #isText: (tool: string, parameter: string) => boolean;
  /** What of `raw` is not read yet begins here. */
  #at = 0;
  #name: string | undefined;
  #isFirst = true;
  /** The last characters, while a value's end is looked for: not the whole value again and again. */
  #tail: string | undefined;

  /** `isText`: whether a parameter of a tool is a text, whatever it looks like. */
  constructor(isText: (tool: string, parameter: string) => boolean) {
    super();
    this.#isText = isText;
  }

  /** Every mark ends with the same sign. */
  protected override pieceEnd(text: string, at: number): number {
    return text.indexOf(">", at) + 1 || text.length;
  }

  protected take(piece: string): void {
    if (this.#tail !== undefined) {
      this.#tail = (this.#tail + piece).slice(-parameterEnd.length);
      if (this.#tail !== parameterEnd) return;
    }
    while (this.state === "reading" && this.#advance());
  }

  /** False: more is needed. */
  #advance(): boolean {
    if (this.#name === undefined) return this.#function();
    const rest = this.raw.slice(this.#at);
    const text = rest.trimStart();
    if (text.startsWith(functionEnd)) {
      this.say(this.#isFirst ? "{}" : "}");
      this.end();
      return false;
    }
    const open = text.indexOf(">");
    if (open < 0) return false;
    // Whatever else stands between parameters is left out.
    const key = text.startsWith(parameterBegin) ? text.slice(parameterBegin.length, open).trim() : undefined;
    const begin = rest.length - text.length + open + 1;
    if (key === undefined) {
      this.#at += begin;
      return true;
    }
    const end = rest.indexOf(parameterEnd, begin);
    if (end < 0) {
      this.#tail = "";
      return false;
    }
    this.#tail = undefined;
    const value = rest.slice(begin, end).replace(/^\n/, "").replace(/\n$/, "");
    this.say(`${this.#isFirst ? "{" : ", "}${JSON.stringify(key)}: ${this.#json(key, value)}`);
    this.#isFirst = false;
    this.#at += end + parameterEnd.length;
    return true;
  }

  #function(): boolean {
    const end = this.raw.indexOf(">");
    if (end < 0) return false;
    const name = this.raw.slice(functionBegin.length, end).trim();
    if (name === "") {
      this.refuse();
      return false;
    }
    this.#name = name;
    this.#at = end + 1;
    this.announce(name);
    return true;
  }

  #json(key: string, value: string): string {
    if (this.#isText(this.#name!, key)) return JSON.stringify(value);
    try {
      JSON.parse(value);
      return value.trim();
    } catch {
      return JSON.stringify(value);
    }
  }
}
