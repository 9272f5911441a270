import { compiledGrammar, grammarKey } from "./compile-grammar.ts";
import { GrammarMatcher } from "./grammar-matcher.ts";
import type { GrammarSpec } from "./grammar-spec.ts";
import type { TokenBytes } from "./token-bytes.ts";
import { SharedParts } from "./shared-parts.ts";
import { TokenMasks } from "./token-masks.ts";
import { TokenTrie } from "./token-trie.ts";

/** Grammars that are kept compiled, with all that has been found out about what they allow. */
const maxKept = 32;

/** Compiles grammars for one vocabulary, those that were asked for last only once. */
export class GrammarCompiler {
  readonly #trie: TokenTrie;
  readonly #shared = new SharedParts();
  readonly #kept = new Map<string, TokenMasks>();

  /** `vocabSize` is the model's, which may have more tokens than text, or fewer. */
  constructor(tokens: TokenBytes, vocabSize: number) {
    this.#trie = new TokenTrie(tokens, vocabSize);
  }

  /** For a new answer. Throws RequestError as compileGrammar. */
  matcher(spec: GrammarSpec): GrammarMatcher {
    const key = grammarKey(spec);
    let masks = this.#kept.get(key);
    if (masks === undefined) {
      masks = new TokenMasks(compiledGrammar(spec, key), this.#trie, this.#shared);
      const [oldest] = this.#kept.keys();
      if (this.#kept.size >= maxKept && oldest !== undefined) this.#kept.delete(oldest);
    }
    // The last in the order of insertion is the one that was used last.
    this.#kept.delete(key);
    this.#kept.set(key, masks);
    return new GrammarMatcher(masks);
  }
}
