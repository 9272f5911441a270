import type { CompiledGrammar } from "./compiled-grammar.ts";
import { GrammarMatcher } from "./grammar-matcher.ts";
import { SharedParts } from "./shared-parts.ts";
import type { TokenBytes } from "./token-bytes.ts";
import { TokenMasks } from "./token-masks.ts";
import { TokenTrie } from "./token-trie.ts";

/** Grammars of which all is kept that has been found out about what they allow. */
const maxKept = 32;

/** Holds answers to grammars, for one vocabulary. */
export class GrammarMatchers {
  readonly #trie: TokenTrie;
  readonly #shared = new SharedParts();
  readonly #kept = new Map<string, TokenMasks>();

  /** `vocabSize` is the model's, which may have more tokens than text, or fewer. */
  constructor(tokens: TokenBytes, vocabSize: number) {
    this.#trie = new TokenTrie(tokens, vocabSize);
  }

  /** For a new answer. */
  matcher({ key, automaton }: CompiledGrammar): GrammarMatcher {
    let masks = this.#kept.get(key);
    if (masks === undefined) {
      masks = new TokenMasks(automaton, this.#trie, this.#shared);
      const [oldest] = this.#kept.keys();
      if (this.#kept.size >= maxKept && oldest !== undefined) this.#kept.delete(oldest);
    }
    // The last in the order of insertion is the one that was used last.
    this.#kept.delete(key);
    this.#kept.set(key, masks);
    return new GrammarMatcher(masks);
  }
}
