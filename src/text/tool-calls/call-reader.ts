import type { ToolFormat } from "./tool-format.ts";

/** What a call is made of, as it comes. */
export type CallPart =
  | { readonly type: "tool-call"; readonly name: string }
  /** More of the arguments, which put together are JSON as far as the model has written it. */
  | { readonly type: "tool-arguments"; readonly text: string };

/** Reads a call, or a list of them, from text that comes in pieces. */
export interface PartReader {
  /** "refused": it is no call, and nothing has been said. */
  readonly state: "reading" | "ended" | "refused";
  /** All that was taken. */
  readonly raw: string;
  /** Whether a part has been given. */
  readonly isAnnounced: boolean;
  /** Takes characters up to the end of the object; says how many. */
  push(text: string): { readonly taken: number; readonly parts: readonly CallPart[] };
}

const blank = /\s/;

/**
 * Reads one call, an object with a name and arguments, from text that comes in pieces. Nothing is said until the name is known and the
 * arguments begin, so that what turns out to be something else can still be given back.
 */
export class CallReader implements PartReader {
  readonly #argumentsKey: ToolFormat["argumentsKey"];
  /** With it only objects that have arguments, and the name of one of these, are calls. */
  readonly #knownNames: ReadonlySet<string> | undefined;
  #raw = "";
  #depth = 0;
  #inString = false;
  #isEscaped = false;
  /** Of the outer object's members the one that is being read; its value has begun where `valueStart` is not -1. */
  #key: string | undefined;
  #stringStart = 0;
  #valueStart = -1;
  #hasValue = false;
  /** The value is the arguments' object, whose characters are said as they come. */
  #isStreamed = false;
  #name: string | undefined;
  #isAnnounced = false;
  /** Arguments that came before the name. */
  #early = "";
  #parts: CallPart[] = [];
  #state: "reading" | "ended" | "refused" = "reading";

  constructor(argumentsKey: ToolFormat["argumentsKey"], knownNames?: ReadonlySet<string>) {
    this.#argumentsKey = argumentsKey;
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
    if (this.#inString) this.#takeInString(char);
    else this.#takeOutside(char);
    if (this.#valueStart >= 0 && this.#key === this.#argumentsKey && this.#isStreamed) this.#say(char);
  }

  #takeInString(char: string): void {
    if (this.#isEscaped) this.#isEscaped = false;
    else if (char === "\\") this.#isEscaped = true;
    else if (char === '"') {
      this.#inString = false;
      if (this.#depth === 1 && this.#valueStart < 0) this.#key = asText(this.#raw.slice(this.#stringStart));
    }
  }

  #takeOutside(char: string): void {
    const isOuter = this.#depth === 1;
    const isIdle = this.#valueStart < 0;
    if (isOuter && isIdle && this.#key !== undefined && char === ":") return this.#beginValue();
    if (isOuter && !isIdle && (char === "," || char === "}")) this.#endValue();
    else if (isOuter && !isIdle && !this.#hasValue) return this.#firstOfValue(char);
    else if (isOuter && isIdle && !'"},'.includes(char) && !blank.test(char)) return this.#refuse();
    if (char === '"') {
      this.#inString = true;
      this.#stringStart = this.#raw.length - 1;
    } else if (char === "{" || char === "[") this.#depth++;
    else if (char === "}" || char === "]") {
      this.#depth--;
      if (this.#depth === 0) this.#end();
    }
  }

  #beginValue(): void {
    this.#valueStart = this.#raw.length;
    this.#hasValue = false;
    this.#isStreamed = false;
  }

  #firstOfValue(char: string): void {
    if (blank.test(char)) {
      this.#valueStart = this.#raw.length;
      return;
    }
    this.#hasValue = true;
    if (char === '"') {
      this.#inString = true;
      this.#stringStart = this.#raw.length - 1;
    } else if (char === "{" || char === "[") this.#depth++;
    // Some models write their arguments as a text that holds JSON: it is read when it is whole.
    this.#isStreamed = char === "{";
  }

  #endValue(): void {
    const value = this.#raw.slice(this.#valueStart, -1).trim();
    if (this.#key === "name") this.#nameIs(asText(value));
    else if (this.#key === this.#argumentsKey && !this.#isStreamed) this.#say(asText(value) ?? value);
    this.#key = undefined;
    this.#valueStart = -1;
    this.#isStreamed = false;
  }

  #nameIs(name: string | undefined): void {
    if (name === undefined || name === "" || (this.#knownNames !== undefined && !this.#knownNames.has(name)))
      return this.#refuse();
    this.#name = name;
    if (this.#early === "") return;
    const text = this.#early;
    this.#early = "";
    this.#say(text);
  }

  #say(text: string): void {
    if (this.#name === undefined) {
      this.#early += text;
      return;
    }
    if (!this.#isAnnounced) this.#parts.push({ type: "tool-call", name: this.#name });
    this.#isAnnounced = true;
    const last = this.#parts.at(-1);
    if (last?.type === "tool-arguments") this.#parts[this.#parts.length - 1] = { ...last, text: last.text + text };
    else this.#parts.push({ type: "tool-arguments", text });
  }

  #end(): void {
    if (this.#isAnnounced) this.#state = "ended";
    else if (this.#name === undefined || this.#knownNames !== undefined) this.#refuse();
    else {
      this.#say("{}");
      this.#state = "ended";
    }
  }

  #refuse(): void {
    if (!this.#isAnnounced) this.#state = "refused";
  }
}

/** What a JSON text says; undefined: it is none. */
function asText(json: string): string | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === "string" ? value : undefined;
  } catch {
    return undefined;
  }
}
