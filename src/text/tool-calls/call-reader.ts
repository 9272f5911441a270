import { PartReader } from "./part-reader.ts";
import type { ToolFormat } from "./tool-format.ts";

const blank = /\s/;

/**
 * Reads one call, an object with a name and arguments, from text that comes in pieces. Nothing is said until the name is known and the
 * arguments begin, so that what turns out to be something else can still be given back.
 */
export class CallReader extends PartReader {
  readonly #argumentsKey: ToolFormat["argumentsKey"];
  /** With it only objects that have arguments, and the name of one of these, are calls. */
  readonly #knownNames: ReadonlySet<string> | undefined;
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
  /** Arguments that came before the name. */
  #early = "";

  constructor(argumentsKey: ToolFormat["argumentsKey"], knownNames?: ReadonlySet<string>) {
    super();
    this.#argumentsKey = argumentsKey;
    this.#knownNames = knownNames;
  }

  protected take(char: string): void {
    if (this.#inString) this.#takeInString(char);
    else this.#takeOutside(char);
    if (this.#valueStart >= 0 && this.#key === this.#argumentsKey && this.#isStreamed) this.#tell(char);
  }

  #takeInString(char: string): void {
    if (this.#isEscaped) this.#isEscaped = false;
    else if (char === "\\") this.#isEscaped = true;
    else if (char === '"') {
      this.#inString = false;
      if (this.#depth === 1 && this.#valueStart < 0) this.#key = asText(this.raw.slice(this.#stringStart));
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
      this.#stringStart = this.raw.length - 1;
    } else if (char === "{" || char === "[") this.#depth++;
    else if (char === "}" || char === "]") {
      this.#depth--;
      if (this.#depth === 0) this.#close();
    }
  }

  #beginValue(): void {
    this.#valueStart = this.raw.length;
    this.#hasValue = false;
    this.#isStreamed = false;
  }

  #firstOfValue(char: string): void {
    if (blank.test(char)) {
      this.#valueStart = this.raw.length;
      return;
    }
    this.#hasValue = true;
    if (char === '"') {
      this.#inString = true;
      this.#stringStart = this.raw.length - 1;
    } else if (char === "{" || char === "[") this.#depth++;
    // Some models write their arguments as a text that holds JSON: it is read when it is whole.
    this.#isStreamed = char === "{";
  }

  #endValue(): void {
    const value = this.raw.slice(this.#valueStart, -1).trim();
    if (this.#key === "name") this.#nameIs(asText(value));
    else if (this.#key === this.#argumentsKey && !this.#isStreamed) this.#tell(asText(value) ?? value);
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
    this.#tell(text);
  }

  #tell(text: string): void {
    if (this.#name === undefined) {
      this.#early += text;
      return;
    }
    if (!this.isAnnounced) this.announce(this.#name);
    this.say(text);
  }

  #close(): void {
    if (this.isAnnounced) this.end();
    else if (this.#name === undefined || this.#knownNames !== undefined) this.#refuse();
    else {
      this.#tell("{}");
      this.end();
    }
  }

  /** What has been told is told: it goes on. */
  #refuse(): void {
    if (!this.isAnnounced) this.refuse();
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
