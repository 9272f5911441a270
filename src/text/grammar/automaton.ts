/**
 * A pushdown automaton over bytes: every rule is deterministic over bytes and calls of rules, and a call leads to its target when the
 * called rule has accepted. No rule calls itself before a byte has been read, and calls of rules that match the empty text may as
 * well be left out: the states behind them are part of the state before.
 */
export interface Automaton {
  /** [S] whether the rule may end in the state. */
  readonly accepts: Uint8Array;
  /** [S + 1] where each state's byte edges begin, in triples. */
  readonly byteStarts: Int32Array;
  /** first, last, target; ascending. */
  readonly byteEdges: Int32Array;
  /** [S + 1] where each state's calls begin, in pairs. */
  readonly callStarts: Int32Array;
  /** rule, target. */
  readonly callEdges: Int32Array;
  /** [rules] the state that each rule begins in; rule 0 is the whole text. */
  readonly ruleStarts: Int32Array;
  /** [rules] a rule that begins with a call of another has the lower rank. */
  readonly ranks: Int32Array;
}

/** Whether the rule can do nothing in this state but end. */
export function isFinal({ accepts, byteStarts, callStarts }: Automaton, state: number): boolean {
  return (
    accepts[state] !== 0 && byteStarts[state] === byteStarts[state + 1] && callStarts[state] === callStarts[state + 1]
  );
}
