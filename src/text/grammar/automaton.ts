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

/** [S] the states from which their rule can come to its end when only these bytes may be read; `bytes` is [256], 0: never. */
export function liveStates(automaton: Automaton, bytes: Uint8Array): Uint8Array {
  const { accepts, byteStarts, byteEdges, callStarts, callEdges, ruleStarts } = automaton;
  const stateCount = accepts.length;
  const live = new Uint8Array(stateCount);
  const readers: number[][] = Array.from({ length: stateCount }, () => []);
  const callers: number[][] = Array.from({ length: stateCount }, () => []);
  const callsOf: number[][] = Array.from(ruleStarts, () => []); // source, target
  const rulesAt = new Map<number, number>();
  for (const [rule, start] of ruleStarts.entries()) rulesAt.set(start, rule);
  const available = new Int32Array(257); // how many of the bytes before
  for (let byte = 0; byte < 256; byte++) available[byte + 1] = available[byte] + (bytes[byte] === 0 ? 0 : 1);
  for (let state = 0; state < stateCount; state++) {
    for (let i = 3 * byteStarts[state]; i < 3 * byteStarts[state + 1]; i += 3)
      if (available[byteEdges[i + 1] + 1] > available[byteEdges[i]]) readers[byteEdges[i + 2]].push(state);
    for (let i = 2 * callStarts[state]; i < 2 * callStarts[state + 1]; i += 2) {
      callers[callEdges[i + 1]].push(state, callEdges[i]);
      callsOf[callEdges[i]].push(state, callEdges[i + 1]);
    }
  }
  const pending: number[] = [];
  const mark = (state: number): void => {
    if (live[state] !== 0) return;
    live[state] = 1;
    pending.push(state);
  };
  for (let state = 0; state < stateCount; state++) if (accepts[state] !== 0) mark(state);
  for (let state = pending.pop(); state !== undefined; state = pending.pop()) {
    for (const source of readers[state]) mark(source);
    const calls = callers[state];
    for (let i = 0; i < calls.length; i += 2) if (live[ruleStarts[calls[i + 1]]] !== 0) mark(calls[i]);
    const rule = rulesAt.get(state);
    if (rule === undefined) continue;
    for (let i = 0; i < callsOf[rule].length; i += 2) if (live[callsOf[rule][i + 1]] !== 0) mark(callsOf[rule][i]);
  }
  return live;
}
