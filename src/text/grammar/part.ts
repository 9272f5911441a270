/** What a state of an automaton allows while its rule is under way, whatever called that. */
export interface Part {
  /** The tokens throughout which the rule lasts. */
  readonly allowed: Uint32Array;
  /** Nodes of the trie where the rule may end: what follows there depends on its caller. */
  readonly exits: readonly number[];
  /** States that tokens lead to while the rule lasts. */
  readonly followers: readonly number[];
  /** Tokens that are enough, behind each of those allowed, until the rule has ended. */
  readonly toEnd: number;
}
