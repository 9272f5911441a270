import type { CallPart, PartReader } from "./call-reader.ts";
import { functionBegin, functionEnd, parameterBegin, parameterEnd } from "./marks.ts";

/**
 * Reads `<function=name><parameter=key>value</parameter>…</function>`, as Qwen3-Coder writes calls, from text that comes in pieces. A
 * value stands for itself where the tool takes a text, and is JSON where it takes anything else; one line feed on each side is none of it.
 */
export class XmlCallReader implements PartReader {
  readonly #isText: (tool: string, parameter: string) => boolean;
  #raw = "";
  /** What of `raw` is not read yet begins here. */
  #at = 0;
  #name: string | undefined;
  #isFirst = true;
  /** The last characters, while a value's end is looked for: not the whole value again and again. */
  #tail: string | undefined;
  #parts: CallPart[] = [];
  #state: "reading" | "ended" | "refused" = "reading";

  /** `isText`: whether a parameter of a tool is a text, whatever it looks like. */
  constructor(isText: (tool: string, parameter: string) => boolean) {
    this.#isText = isText;
  }

  get state(): "reading" | "ended" | "refused" {
    return this.#state;
  }

  get raw(): string {
    return this.#raw;
  }

  get isAnnounced(): boolean {
    return this.#name !== undefined;
  }

  push(text: string): { readonly taken: number; readonly parts: readonly CallPart[] } {
    this.#parts = [];
    let taken = 0;
    // Every mark ends with this.
    while (taken < text.length && this.#state === "reading") {
      const end = text.indexOf(">", taken) + 1 || text.length;
      const piece = text.slice(taken, end);
      this.#raw += piece;
      taken = end;
      if (this.#tail !== undefined) {
        this.#tail = (this.#tail + piece).slice(-parameterEnd.length);
        if (this.#tail !== parameterEnd) continue;
      }
      while (this.#state === "reading" && this.#advance());
    }
    return { taken, parts: this.#parts };
  }

  /** False: more is needed. */
  #advance(): boolean {
    if (this.#name === undefined) return this.#function();
    const rest = this.#raw.slice(this.#at);
    const text = rest.trimStart();
    if (text.startsWith(functionEnd)) {
      this.#say(this.#isFirst ? "{}" : "}");
      this.#state = "ended";
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
    this.#say(`${this.#isFirst ? "{" : ", "}${JSON.stringify(key)}: ${this.#json(key, value)}`);
    this.#isFirst = false;
    this.#at += end + parameterEnd.length;
    return true;
  }

  #function(): boolean {
    const end = this.#raw.indexOf(">");
    if (end < 0) return false;
    const name = this.#raw.slice(functionBegin.length, end).trim();
    if (name === "") {
      this.#state = "refused";
      return false;
    }
    this.#name = name;
    this.#at = end + 1;
    this.#parts.push({ type: "tool-call", name });
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

  #say(text: string): void {
    this.#parts.push({ type: "tool-arguments", text });
  }
}
