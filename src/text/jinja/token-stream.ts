import type { FormatError } from "../../util/errors.ts";
import type { SourceText } from "./source-text.ts";
import { shown } from "./template-errors.ts";
import type { Token } from "./token.ts";

/** The tokens of one tag, read from left to right. */
export class TokenStream {
  readonly #template: SourceText;
  readonly #tokens: readonly Token[];
  #position = 0;

  constructor(template: SourceText, tokens: readonly Token[]) {
    this.#template = template;
    this.#tokens = tokens;
  }

  get current(): Token {
    return this.#tokens[this.#position];
  }

  get line(): number {
    return this.#template.lineAt(this.current.offset);
  }

  /** Gives the current token and moves on; the end token stays. */
  next(): Token {
    const token = this.current;
    if (token.kind !== "end") this.#position++;
    return token;
  }

  isName(text: string, ahead = 0): boolean {
    const token = this.#tokens[this.#position + ahead];
    return token?.kind === "name" && token.text === text;
  }

  isOperator(text: string, ahead = 0): boolean {
    const token = this.#tokens[this.#position + ahead];
    return token?.kind === "operator" && token.text === text;
  }

  skipName(text: string): boolean {
    const isHere = this.isName(text);
    if (isHere) this.#position++;
    return isHere;
  }

  skipOperator(text: string): boolean {
    const isHere = this.isOperator(text);
    if (isHere) this.#position++;
    return isHere;
  }

  /** Throws FormatError where another token stands. */
  expectOperator(text: string): void {
    if (!this.skipOperator(text)) throw this.unexpected(shown(text));
  }

  expectKeyword(text: string): void {
    if (!this.skipName(text)) throw this.unexpected(shown(text));
  }

  /** Any name. */
  expectName(): string {
    const token = this.current;
    if (token.kind !== "name") throw this.unexpected("a name");
    this.#position++;
    return token.text;
  }

  expectEnd(): void {
    if (this.current.kind !== "end") throw this.unexpected("the end of the tag");
  }

  unexpected(wanted: string): FormatError {
    return this.error(`expected ${wanted}, found ${describe(this.current)}`);
  }

  error(problem: string): FormatError {
    return this.#template.error(problem, this.current.offset);
  }
}

function describe(token: Token): string {
  switch (token.kind) {
    case "name":
    case "operator":
      return shown(token.text);
    case "string":
      return `the text ${shown(token.value)}`;
    case "number":
      return `the number ${shown(String(token.value))}`;
    case "end":
      return "the end of the tag";
  }
}
