import type { Automaton } from "./automaton.ts";
import { compileGrammar, grammarKey } from "./compile-grammar.ts";
import type { GrammarSpec } from "./grammar-spec.ts";

/** A grammar that answers can be held to. Plain data that structured clone can carry. */
export interface CompiledGrammar {
  /** Equal for equal grammars. */
  readonly key: string;
  readonly automaton: Automaton;
}

/** At once, in this thread. Throws as compileGrammar. */
export function compiledGrammar(spec: GrammarSpec): CompiledGrammar {
  return { key: grammarKey(spec), automaton: compileGrammar(spec) };
}
