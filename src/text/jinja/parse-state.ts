import type { TokenStream } from "./token-stream.ts";

/** Levels of brackets, operators that stand before their operand, and blocks. Templates in use have twenty. */
const mostLevels = 100;

/** Names that say what a macro takes when its body reads them. All others would be many: each is used by every macro around it. */
const namesThatCount: ReadonlySet<string> = new Set(["caller", "varargs", "kwargs"]);

/** What the parsers of one template share: how deep they are, and which of these names the macros use. */
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
    if (!namesThatCount.has(name)) return;
    for (const names of this.#macros) names.add(name);
  }

  /** Runs `parse` over a macro; says too which of `caller`, `varargs` and `kwargs` it reads. */
  macro<T>(parse: () => T): { readonly result: T; readonly names: ReadonlySet<string> } {
    const names = new Set<string>();
    this.#macros.push(names);
    const result = parse();
    this.#macros.pop();
    return { result, names };
  }
}
