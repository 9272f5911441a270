import type { TokenStream } from "./token-stream.ts";

/** Levels of brackets, operators that stand before their operand, and blocks. Templates in use have twenty. */
const mostLevels = 100;

/** What the parsers of one template share: how deep they are, and which names the macros use. */
export class ParseState {
  #level = 0;
  /** Names used, innermost macro last. */
  readonly #macros: Set<string>[] = [];

  /** Runs `parse` one level deeper. Throws FormatError below the deepest. */
  nested<T>(tokens: TokenStream, parse: () => T): T {
    if (++this.#level > mostLevels) throw tokens.error(`nested more than ${mostLevels} levels deep`);
    const result = parse();
    this.#level--;
    return result;
  }

  /** Says that an expression reads a variable. */
  useName(name: string): void {
    for (const names of this.#macros) names.add(name);
  }

  /** Runs `parse` over a macro; gives the names that it reads too. */
  macro<T>(parse: () => T): { readonly result: T; readonly names: ReadonlySet<string> } {
    const names = new Set<string>();
    this.#macros.push(names);
    const result = parse();
    this.#macros.pop();
    return { result, names };
  }
}
