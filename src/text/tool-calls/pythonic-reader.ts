import { PartReader } from "./part-reader.ts";
import { readPythonArguments } from "./python-literal.ts";

/** Reads a list of calls as Python writes them, `[add(a=1, b='x'), now()]`, from text that comes in pieces. */
export class PythonicReader extends PartReader {
  /** With it only calls of these are any. */
  readonly #knownNames: ReadonlySet<string>;
  /** Where the call that is being read begins. */
  #begin = 1;
  #depth = 0;
  #quote = "";
  #isEscaped = false;

  constructor(knownNames: ReadonlySet<string>) {
    super();
    this.#knownNames = knownNames;
  }

  protected take(char: string): void {
    if (this.#isEscaped) this.#isEscaped = false;
    else if (this.#quote !== "") {
      if (char === "\\") this.#isEscaped = true;
      else if (char === this.#quote) this.#quote = "";
    } else if (char === '"' || char === "'") this.#quote = char;
    else if ("([{".includes(char)) {
      if (this.#depth === 1 && !this.#knownNames.has(this.#name)) this.refuse();
      this.#depth++;
    } else if (")]}".includes(char)) {
      this.#depth--;
      if (this.#depth === 1) this.#endCall();
      else if (this.#depth === 0) this.refuse(); // or ends, where a call has been told
    } else if (char === "," && this.#depth === 1) this.#begin = this.raw.length;
  }

  /** Of the call whose parenthesis has just been opened. */
  get #name(): string {
    return this.raw.slice(this.#begin, -1).trim();
  }

  #endCall(): void {
    const call = this.raw.slice(this.#begin).trim();
    const open = call.indexOf("(");
    const values = open < 0 || !call.endsWith(")") ? undefined : readPythonArguments(call.slice(open + 1, -1));
    if (values === undefined) return this.refuse();
    this.announce(call.slice(0, open).trim());
    this.say(JSON.stringify(Object.fromEntries(values)));
  }
}
