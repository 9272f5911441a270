import { PartReader } from "./part-reader.ts";

/** Reads the arguments of a call whose name is known: an object, from text that comes in pieces. */
export class ArgumentsReader extends PartReader {
  readonly #name: string;
  #depth = 0;
  #inString = false;
  #isEscaped = false;

  constructor(name: string) {
    super();
    this.#name = name;
  }

  protected take(char: string): void {
    if (!this.isAnnounced) this.announce(this.#name);
    this.say(char);
    if (this.#isEscaped) this.#isEscaped = false;
    else if (this.#inString) {
      if (char === "\\") this.#isEscaped = true;
      else if (char === '"') this.#inString = false;
    } else if (char === '"') this.#inString = true;
    else if (char === "{") this.#depth++;
    else if (char === "}" && --this.#depth === 0) this.end();
  }
}
