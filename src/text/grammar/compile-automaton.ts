import { RequestError } from "../../util/errors.ts";
import { quote } from "../../util/quote.ts";
import type { Automaton } from "./automaton.ts";
import type { Expression } from "./expression.ts";
import { nullableRules } from "./nullable-rules.ts";
import { RuleNfa } from "./rule-nfa.ts";
import type { RuleSet } from "./rule-set.ts";
import { shortestEnds } from "./shortest-ends.ts";
import { stateCost } from "./step-costs.ts";

/** Throws RequestError for rules that begin with themselves, for a grammar that no text matches, and what the rules' budget throws. */
export function compileAutomaton(rules: RuleSet): Automaton {
  const bodies = rules.bodies();
  const nullable = nullableRules(bodies);
  const states = new StateList();
  const ruleStarts = Int32Array.from(bodies, (body) => addRule(body, nullable, states, rules));
  const whole = states.automaton(ruleStarts, rankRules(ruleStarts, states, rules));
  const live = new Uint8Array(states.count);
  for (const state of shortestEnds(whole, new Uint8Array(256).fill(1)).order) live[state] = 1;
  if (live[ruleStarts[0]] === 0) throw new RequestError("the grammar matches no text at all");
  return live.includes(0) ? states.only(live, ruleStarts).automaton(ruleStarts, whole.ranks) : whole;
}

function addRule(body: Expression, nullable: readonly boolean[], states: StateList, rules: RuleSet): number {
  const nfa = new RuleNfa(nullable, rules.budget);
  const begin = nfa.state();
  const end = nfa.add(body, begin);
  const first = states.count;
  const sets: (readonly number[])[] = [];
  const numbers = new Map<number | string, number>();
  /** By what has been reached, and by all that this reaches without reading. */
  const known = new Map<number | string, number>();
  const numberOf = (given: readonly number[]): number => {
    rules.budget.spend(given.length);
    const givenKey = given.length === 1 ? given[0] : given.join();
    let number = known.get(givenKey);
    if (number !== undefined) return number;
    const set = nfa.closure(given);
    const key = set.length === 1 ? set[0] : set.join();
    number = numbers.get(key);
    if (number === undefined) {
      number = first + sets.push(set) - 1;
      numbers.set(key, number);
    }
    known.set(givenKey, number);
    return number;
  };
  numberOf([begin]);
  for (const set of sets) {
    rules.budget.spend(2 * stateCost);
    states.push({
      accepts: set.includes(end),
      bytes: nfa.byteEdges(set, numberOf),
      calls: [...nfa.callsOf(set)].flatMap(([rule, targets]) => [rule, numberOf(targets)]),
    });
  }
  return first;
}

interface State {
  readonly accepts: boolean;
  readonly bytes: readonly number[];
  readonly calls: readonly number[];
}

class StateList {
  readonly #states: State[] = [];

  get count(): number {
    return this.#states.length;
  }

  push(state: State): void {
    this.#states.push(state);
  }

  callsOf(state: number): readonly number[] {
    return this.#states[state].calls;
  }

  /** The same states with only the edges that lead to live ones, and only calls of live rules. */
  only(live: Uint8Array, ruleStarts: Int32Array): StateList {
    const kept = new StateList();
    for (const { accepts, bytes, calls } of this.#states)
      kept.push({
        accepts,
        bytes: bytes.filter((_, i) => live[bytes[i - (i % 3) + 2]] !== 0),
        calls: calls.filter((_, i) => live[calls[i | 1]] !== 0 && live[ruleStarts[calls[i & ~1]]] !== 0),
      });
    return kept;
  }

  automaton(ruleStarts: Int32Array, ranks: Int32Array): Automaton {
    const byteStarts = new Int32Array(this.count + 1);
    const callStarts = new Int32Array(this.count + 1);
    for (const [i, { bytes, calls }] of this.#states.entries()) {
      byteStarts[i + 1] = byteStarts[i] + bytes.length / 3;
      callStarts[i + 1] = callStarts[i] + calls.length / 2;
    }
    const byteEdges = new Int32Array(3 * byteStarts[this.count]);
    const callEdges = new Int32Array(2 * callStarts[this.count]);
    for (const [i, { bytes, calls }] of this.#states.entries()) {
      byteEdges.set(bytes, 3 * byteStarts[i]);
      callEdges.set(calls, 2 * callStarts[i]);
    }
    const accepts = Uint8Array.from(this.#states, (state) => Number(state.accepts));
    return { accepts, byteStarts, byteEdges, callStarts, callEdges, ruleStarts, ranks };
  }
}

/** Numbers the rules so that each comes before those that it may begin with. */
function rankRules(ruleStarts: Int32Array, states: StateList, rules: RuleSet): Int32Array {
  const ranks = new Int32Array(ruleStarts.length).fill(-1);
  const isOpen = new Uint8Array(ruleStarts.length);
  let next = ruleStarts.length;
  for (let root = 0; root < ruleStarts.length; root++) {
    if (ranks[root] >= 0) continue;
    const path = [{ rule: root, at: 0 }];
    isOpen[root] = 1;
    while (path.length > 0) {
      const top = path[path.length - 1];
      const calls = states.callsOf(ruleStarts[top.rule]);
      if (top.at < calls.length) {
        const rule = calls[top.at];
        top.at += 2;
        if (isOpen[rule] !== 0)
          throw new RequestError(
            `the rule ${quote(rules.nameOf(rule))} begins with itself (left recursion), which is not supported: ` +
              "write a repetition instead",
          );
        if (ranks[rule] >= 0) continue;
        isOpen[rule] = 1;
        path.push({ rule, at: 0 });
      } else {
        isOpen[top.rule] = 0;
        ranks[top.rule] = --next;
        path.pop();
      }
    }
  }
  return ranks;
}
