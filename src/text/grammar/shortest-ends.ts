import type { Automaton } from "./automaton.ts";

/** For every state of an automaton the shortest text that brings its rule to the end. */
export interface ShortestEnds {
  /** [S] how the text begins: with byte edge `first >> 1`, or with call `first >> 1` where the lowest bit is set; -1: it is empty. */
  readonly first: Int32Array;
  /** The states that have such a text; each comes behind those that its text leads through, and behind what that calls. */
  readonly order: readonly number[];
}

/** Bytes; texts that are longer are as good as equally long. */
const longest = 2 ** 12;

/**
 * When only these bytes may be read; `bytes` is [256], 0: never. Dijkstra's algorithm as Knuth has generalised it to grammars (A
 * Generalization of Dijkstra's Algorithm, 1977): a call costs what its rule and what is behind it cost.
 */
export function shortestEnds(automaton: Automaton, bytes: Uint8Array): ShortestEnds {
  const { accepts, byteStarts, byteEdges, callStarts, callEdges, ruleStarts } = automaton;
  const stateCount = accepts.length;
  const readers: number[][] = Array.from({ length: stateCount }, () => []); // source, edge
  const callers: number[][] = Array.from({ length: stateCount }, () => []); // source, call
  const callsOf: number[][] = Array.from(ruleStarts, () => []); // source, call
  const available = nextAvailable(bytes);
  for (let state = 0; state < stateCount; state++) {
    for (let i = byteStarts[state]; i < byteStarts[state + 1]; i++)
      if (available[byteEdges[3 * i]] <= byteEdges[3 * i + 1]) readers[byteEdges[3 * i + 2]].push(state, i);
    for (let i = callStarts[state]; i < callStarts[state + 1]; i++) {
      callers[callEdges[2 * i + 1]].push(state, i);
      callsOf[callEdges[2 * i]].push(state, i);
    }
  }
  const rulesAt = new Map(Array.from(ruleStarts, (start, rule) => [start, rule]));
  const lengths = new Int32Array(stateCount).fill(longest + 1);
  const first = new Int32Array(stateCount).fill(-1);
  const isKnown = new Uint8Array(stateCount);
  const order: number[] = [];
  /** States by the length of a text that has been found. */
  const found: (number[] | undefined)[] = new Array<undefined>(longest + 1);
  const offer = (state: number, length: number, edge: number): void => {
    const bounded = Math.min(length, longest);
    if (bounded >= lengths[state]) return;
    lengths[state] = bounded;
    first[state] = edge;
    (found[bounded] ??= []).push(state);
  };
  for (let state = 0; state < stateCount; state++) if (accepts[state] !== 0) offer(state, 0, -1);
  for (let length = 0; length <= longest; length++) {
    // Goes on to those that are pushed meanwhile.
    for (const state of found[length] ?? []) {
      if (isKnown[state] !== 0) continue;
      isKnown[state] = 1;
      order.push(state);
      for (let i = 0; i < readers[state].length; i += 2)
        offer(readers[state][i], length + 1, 2 * readers[state][i + 1]);
      const behind = callers[state];
      for (let i = 0; i < behind.length; i += 2) {
        const start = ruleStarts[callEdges[2 * behind[i + 1]]];
        if (isKnown[start] !== 0) offer(behind[i], length + lengths[start], 2 * behind[i + 1] + 1);
      }
      const calls = callsOf[rulesAt.get(state) ?? -1] ?? [];
      for (let i = 0; i < calls.length; i += 2) {
        const target = callEdges[2 * calls[i + 1] + 1];
        if (isKnown[target] !== 0) offer(calls[i], length + lengths[target], 2 * calls[i + 1] + 1);
      }
    }
  }
  return { first, order };
}

/** [256] the least of the bytes that is not below; 256: there is none. */
export function nextAvailable(bytes: Uint8Array): Int32Array {
  const next = new Int32Array(256);
  for (let byte = 255, least = 256; byte >= 0; byte--) next[byte] = least = bytes[byte] === 0 ? least : byte;
  return next;
}
