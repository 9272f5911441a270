import type { Automaton } from "./automaton.ts";
import { nextAvailable, shortestEnds } from "./shortest-ends.ts";
import type { TokenTrie } from "./token-trie.ts";

/** So many tokens nobody has: what takes more can be reached, and that is all that matters. */
const mostTokens = 2 ** 30;

/**
 * [S] tokens that are enough to bring each state's rule to its end; Infinity: the vocabulary cannot. From a state of n > 0 tokens one
 * token leads to a state of at most n - 1. These are the tokens of the shortest text, cut greedily and where a call begins and ends:
 * so what a rule takes does not depend on what calls it.
 */
export function tokensToEnd(automaton: Automaton, trie: TokenTrie): Float64Array {
  const { byteEdges, callEdges, ruleStarts } = automaton;
  const { first, order } = shortestEnds(automaton, trie.singleBytes);
  const available = nextAvailable(trie.singleBytes);
  const counts = new Float64Array(first.length).fill(Infinity);
  for (const state of order) {
    const edge = first[state];
    if (edge < 0) counts[state] = 0;
    else if ((edge & 1) === 1) {
      const [rule, target] = [callEdges[edge - 1], callEdges[edge]];
      counts[state] = Math.min(mostTokens, counts[ruleStarts[rule]] + counts[target]);
    } else {
      let reached = byteEdges[3 * (edge >> 1) + 2];
      let at = state;
      // A name of a special token that the vocabulary lacks is no way in the trie: as if its first byte were a token.
      for (let node = 0; first[at] >= 0 && (first[at] & 1) === 0;) {
        const begin = 3 * (first[at] >> 1);
        node = trie.child(node, available[byteEdges[begin]]);
        if (node < 0) break;
        at = byteEdges[begin + 2];
        if (trie.idStarts[node] < trie.idStarts[node + 1]) reached = at;
      }
      counts[state] = Math.min(mostTokens, 1 + counts[reached]);
    }
  }
  return counts;
}
