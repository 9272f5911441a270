import { FormatError, UnsupportedError } from "../../util/errors.ts";
import { quote } from "../../util/quote.ts";

const maxWork = 1_000_000;

/** A cursor over the code points of a pattern, and the errors that say where it stands. */
export class PatternReader {
  readonly pattern: string;
  position = 0;
  #work = 0;

  constructor(pattern: string) {
    this.pattern = pattern;
  }

  get isAtEnd(): boolean {
    return this.position >= this.pattern.length;
  }

  /** The next character, empty at the end. */
  peek(): string {
    const codePoint = this.pattern.codePointAt(this.position);
    return codePoint === undefined ? "" : String.fromCodePoint(codePoint);
  }

  next(): string {
    const character = this.peek();
    if (character === "") throw this.malformed("ends too early");
    this.position += character.length;
    return character;
  }

  startsWith(text: string): boolean {
    return this.pattern.startsWith(text, this.position);
  }

  /** Steps over `text` if it comes next. */
  take(text: string): boolean {
    if (!this.startsWith(text)) return false;
    this.position += text.length;
    return true;
  }

  /** Steps over what a sticky expression matches here. */
  takeMatch(expression: RegExp): RegExpExecArray | undefined {
    expression.lastIndex = this.position;
    const found = expression.exec(this.pattern);
    if (found === null) return undefined;
    this.position += found[0].length;
    return found;
  }

  /** Counts ranges of sets that were united or searched: a short pattern can name large sets very often. */
  spend(work: number): void {
    this.#work += work;
    if (this.#work > maxWork) throw this.unsupported("its classes of characters take too much work to compile");
  }

  malformed(what: string, at = this.position): FormatError {
    return new FormatError(`${this.#where(at)}: ${what}`);
  }

  unsupported(what: string, at = this.position): UnsupportedError {
    return new UnsupportedError(`${this.#where(at)}: ${what}`);
  }

  #where(at: number): string {
    return `regular expression ${quote(this.pattern)}, at character ${at}`;
  }
}
