import type { CallPart, PartReader } from "./call-reader.ts";
import { readPythonArguments } from "./python-literal.ts";

/** Reads a list of calls as Python writes them, `[add(a=1, b='x'), now()]`, from text that comes in pieces. */
export class PythonicReader implements PartReader {
  /** With it only calls of these are any. */
  readonly #knownNames: ReadonlySet<string>;
  #raw = "";
  /** Where the call that is being read begins. */
  #begin = 1;
  #depth = 0;
  #quote = "";
  #isEscaped = false;
  #isAnnounced = false;
  #parts: CallPart[] = [];
  #state: "reading" | "ended" | "refused" = "reading";

  constructor(knownNames: ReadonlySet<string>) {
    this.#knownNames = knownNames;
  }

  get state(): "reading" | "ended" | "refused" {
    return this.#state;
  }

  get raw(): string {
    return this.#raw;
  }

  get isAnnounced(): boolean {
    return this.#isAnnounced;
  }

  push(text: string): { readonly taken: number; readonly parts: readonly CallPart[] } {
    this.#parts = [];
    let taken = 0;
    while (taken < text.length && this.#state === "reading") this.#take(text[taken++]);
    return { taken, parts: this.#parts };
  }

  #take(char: string): void {
    this.#raw += char;
    if (this.#isEscaped) this.#isEscaped = false;
    else if (this.#quote !== "") {
      if (char === "\\") this.#isEscaped = true;
      else if (char === this.#quote) this.#quote = "";
    } else if (char === '"' || char === "'") this.#quote = char;
    else if ("([{".includes(char)) {
      if (this.#depth === 1 && !this.#knownNames.has(this.#name)) this.#refuse();
      this.#depth++;
    } else if (")]}".includes(char)) {
      this.#depth--;
      if (this.#depth === 1) this.#endCall();
      else if (this.#depth === 0) this.#end();
    } else if (char === "," && this.#depth === 1) this.#begin = this.#raw.length;
  }

  /** Of the call whose parenthesis has just been opened. */
  get #name(): string {
    return this.#raw.slice(this.#begin, -1).trim();
  }

  #endCall(): void {
    const call = this.#raw.slice(this.#begin).trim();
    const open = call.indexOf("(");
    const values = open < 0 || !call.endsWith(")") ? undefined : readPythonArguments(call.slice(open + 1, -1));
    if (values === undefined) return this.#refuse();
    this.#parts.push({ type: "tool-call", name: call.slice(0, open).trim() });
    this.#parts.push({ type: "tool-arguments", text: JSON.stringify(Object.fromEntries(values)) });
    this.#isAnnounced = true;
  }

  #end(): void {
    if (this.#isAnnounced) this.#state = "ended";
    else this.#refuse();
  }

  /** What stands behind a call that has been told is left out. */
  #refuse(): void {
    this.#state = this.#isAnnounced ? "ended" : "refused";
  }
}
