import type { CallPart, PartReader } from "./call-reader.ts";

/** Reads the arguments of a call whose name is known: an object, from text that comes in pieces. */
export class ArgumentsReader implements PartReader {
  readonly #name: string;
  #raw = "";
  #depth = 0;
  #inString = false;
  #isEscaped = false;
  #state: "reading" | "ended" = "reading";

  constructor(name: string) {
    this.#name = name;
  }

  get state(): "reading" | "ended" {
    return this.#state;
  }

  get raw(): string {
    return this.#raw;
  }

  get isAnnounced(): boolean {
    return this.#raw !== "";
  }

  push(text: string): { readonly taken: number; readonly parts: readonly CallPart[] } {
    const isFirst = this.#raw === "";
    let taken = 0;
    while (taken < text.length && this.#state === "reading") this.#take(text[taken++]);
    const said = text.slice(0, taken);
    this.#raw += said;
    const argumentsPart = { type: "tool-arguments", text: said } as const;
    return { taken, parts: isFirst ? [{ type: "tool-call", name: this.#name }, argumentsPart] : [argumentsPart] };
  }

  #take(char: string): void {
    if (this.#isEscaped) this.#isEscaped = false;
    else if (this.#inString) {
      if (char === "\\") this.#isEscaped = true;
      else if (char === '"') this.#inString = false;
    } else if (char === '"') this.#inString = true;
    else if (char === "{") this.#depth++;
    else if (char === "}" && --this.#depth === 0) this.#state = "ended";
  }
}
