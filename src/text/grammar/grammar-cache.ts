import type { Automaton } from "./automaton.ts";
import { compileGrammar, grammarKey } from "./compile-grammar.ts";
import type { CompiledGrammar } from "./compiled-grammar.ts";
import type { GrammarSpec } from "./grammar-spec.ts";

/** As compileGrammar, wherever that is done: rejects with what it throws. */
export type CompileElsewhere = (spec: GrammarSpec) => Promise<Automaton>;

/** Grammars that are kept compiled. */
const maxKept = 32;

/** Compiles the grammars that requests ask for, those that were asked for last only once. */
export class GrammarCache {
  readonly #compile: CompileElsewhere;
  readonly #kept = new Map<string, Promise<Automaton>>();

  /** Absent: grammars are compiled in this thread, which has time for nothing else meanwhile. */
  constructor(compile: CompileElsewhere = (spec) => Promise.resolve().then(() => compileGrammar(spec))) {
    this.#compile = compile;
  }

  /** Rejects as compileGrammar throws. */
  async compiled(spec: GrammarSpec): Promise<CompiledGrammar> {
    const key = grammarKey(spec);
    const automaton = this.#kept.get(key) ?? this.#compile(spec);
    const [oldest] = this.#kept.keys();
    if (!this.#kept.has(key) && this.#kept.size >= maxKept && oldest !== undefined) this.#kept.delete(oldest);
    // A Map is in the order of insertion: what was used last is inserted last.
    this.#kept.delete(key);
    this.#kept.set(key, automaton);
    try {
      return { key, automaton: await automaton };
    } catch (error) {
      if (this.#kept.get(key) === automaton) this.#kept.delete(key);
      throw error;
    }
  }
}
