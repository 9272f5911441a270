import { RequestError } from "../../util/errors.ts";
import { isFinal, type Automaton } from "./automaton.ts";

/**
 * Where the rules that are under way go on when the one they have called ends: the shared stacks of a generalised parser (Scott and
 * Johnstone's GLL). All calls of a rule at one place of the text have one frame.
 */
export interface Frame {
  /** Equal frames made from one `Configurations` have equal numbers as long as it remembers them; others have others. */
  readonly id: number;
  /** Ascending by state, then frame. */
  readonly returns: readonly Place[];
  /** Tokens that are enough from here to the end of the text, with a stop id behind it; Infinity: the vocabulary has none that lead there. */
  readonly toEnd: number;
}

/** A state of the automaton, and where its rule returns to. */
export interface Place {
  readonly state: number;
  readonly frame: Frame;
}

/** All that the text so far may be: what may follow depends on nothing else. */
export interface Configuration {
  readonly id: number;
  /** Those that can go on, ascending; rules that have ended are left already. */
  readonly places: readonly Place[];
  /** Whether the text may end here. */
  readonly accepts: boolean;
  /** Whether the frame `outside` is left here: whoever put it at the bottom knows what follows. */
  readonly leaves: boolean;
  /** As Frame.toEnd. */
  readonly toEnd: number;
  /** By byte: what follows; null: nothing may. Filled as needed. */
  readonly next: (Configuration | null | undefined)[];
  /** As `entered`; filled as needed. */
  entered: readonly Place[] | undefined;
  /** The classes of bytes (token-trie.ts) that change nothing, as bits; filled as needed. */
  idle: number | undefined;
}

/** Ends the whole text. */
const root: Frame = { id: 0, returns: [], toEnd: 1 };
/** Ends a part of the text, of which nothing around is known. */
export const outside: Frame = { id: 1, returns: [], toEnd: 0 };

/** More places than any unambiguous grammar has. */
const maxPlaces = 4096;
/** Calls from there, for one byte. */
const maxCalls = 4 * maxPlaces;
/** What is remembered, in units of some hundred bytes; a configuration is twenty, and one for each of its places. */
const maxRemembered = 400_000;

/** Of all configurations and frames, since those outlive the memory of who made them. */
let lastId = outside.id;

/** Makes the configurations of one automaton, equal ones once. */
export class Configurations {
  readonly start: Configuration;
  readonly #automaton: Automaton;
  readonly #toEnd: Float64Array;
  readonly #frames = new Map<string, Frame>();
  readonly #known = new Map<string, Configuration>();
  #remembered = 0;
  #work = 0;

  /** `toEnd` as tokensToEnd has it for the vocabulary. */
  constructor(automaton: Automaton, toEnd: Float64Array) {
    this.#automaton = automaton;
    this.#toEnd = toEnd;
    this.start = this.at([{ state: automaton.ruleStarts[0], frame: root }]);
  }

  /** Whether what has been made is so much that it should be made anew. */
  get isFull(): boolean {
    return this.#remembered > maxRemembered;
  }

  /** Places and calls that have been looked at so far. */
  get work(): number {
    return this.#work;
  }

  /** The configuration of these places, and of all that is left when their rules end here. `isEnd`: the text may end here anyway. */
  at(places: readonly Place[], isEnd = false): Configuration {
    this.#work += places.length;
    const found = new PlaceSet();
    let accepts = isEnd;
    let leaves = false;
    const pending = [...places];
    for (let place = pending.pop(); place !== undefined; place = pending.pop()) {
      if (!found.add(place)) continue;
      if (found.size > maxPlaces) throw tooAmbiguous();
      if (this.#automaton.accepts[place.state] === 0) continue;
      if (place.frame === root) accepts = true;
      else if (place.frame === outside) leaves = true;
      else pending.push(...place.frame.returns);
    }
    const open = found.sorted().filter(({ state }) => !isFinal(this.#automaton, state));
    const key = `${open.map(keyOf).join()}${accepts ? "+" : ""}${leaves ? "-" : ""}`;
    let configuration = this.#known.get(key);
    if (configuration === undefined) {
      configuration = {
        id: ++lastId,
        places: open,
        accepts,
        leaves,
        toEnd: accepts ? root.toEnd : this.#leastToEnd(open),
        next: new Array<undefined>(256),
        entered: undefined,
        idle: undefined,
      };
      this.#known.set(key, configuration);
      this.#remembered += 20 + open.length;
    }
    return configuration;
  }

  /** What follows when a rule with this frame has ended. */
  after(frame: Frame): Configuration {
    return this.at(frame.returns, frame === root);
  }

  /** The configuration's places and all that they call. */
  entered(configuration: Configuration): readonly Place[] {
    return (configuration.entered ??= this.#enter(configuration.places));
  }

  /** What the configuration becomes by one byte more; null: that byte may not follow. */
  step(configuration: Configuration, byte: number): Configuration | null {
    const known = configuration.next[byte];
    return known === undefined ? this.#step(configuration, byte) : known;
  }

  /** Fills `next` for all bytes around this one that lead to the same: making a configuration takes longer than all else. */
  #step(configuration: Configuration, byte: number): Configuration | null {
    const { byteStarts, byteEdges } = this.#automaton;
    const reached: Place[] = [];
    let [from, to] = [0, 255];
    const entered = this.entered(configuration);
    this.#work += entered.length;
    for (const { state, frame } of entered)
      for (let i = 3 * byteStarts[state]; i < 3 * byteStarts[state + 1]; i += 3) {
        const [first, last] = [byteEdges[i], byteEdges[i + 1]];
        if (last < byte) from = Math.max(from, last + 1);
        else if (first > byte) to = Math.min(to, first - 1);
        else {
          [from, to] = [Math.max(from, first), Math.min(to, last)];
          reached.push({ state: byteEdges[i + 2], frame });
        }
      }
    const next = reached.length === 0 ? null : this.at(reached);
    for (let each = from; each <= to; each++) configuration.next[each] = next;
    return next;
  }

  /** Adds the beginnings of all rules that are called, each in one frame for all its callers: by rank, so that all are known by then. */
  #enter(places: readonly Place[]): readonly Place[] {
    const { callStarts, callEdges, ruleStarts, ranks } = this.#automaton;
    const calls = new Map<number, PlaceSet>();
    /** The rules that are called and not yet entered, the one of the lowest rank last. */
    const pending: number[] = [];
    const entered = [...places];
    const mostWork = this.#work + maxCalls;
    const addCalls = ({ state, frame }: Place): void => {
      for (let i = 2 * callStarts[state]; i < 2 * callStarts[state + 1]; i += 2) {
        let returns = calls.get(callEdges[i]);
        if (returns === undefined) {
          calls.set(callEdges[i], (returns = new PlaceSet()));
          pending.splice(placeByRank(pending, ranks, callEdges[i]), 0, callEdges[i]);
        }
        this.#work++;
        this.#addReturn(returns, { state: callEdges[i + 1], frame });
      }
    };
    places.forEach(addCalls);
    for (let rule = pending.pop(); rule !== undefined; rule = pending.pop()) {
      const returns = calls.get(rule)!;
      const place = { state: ruleStarts[rule], frame: this.#frame(returns.sorted()) };
      entered.push(place);
      if (entered.length > maxPlaces || this.#work > mostWork) throw tooAmbiguous();
      addCalls(place);
    }
    return entered;
  }

  /** A return to where a rule can only end is one to where that returns: stacks do not grow by repetition through recursion. */
  #addReturn(returns: PlaceSet, place: Place): void {
    const { frame } = place;
    if (frame !== root && frame !== outside && isFinal(this.#automaton, place.state))
      for (const each of frame.returns) returns.add(each);
    else returns.add(place);
  }

  #frame(returns: readonly Place[]): Frame {
    const key = returns.map(keyOf).join();
    let frame = this.#frames.get(key);
    if (frame === undefined) {
      frame = { id: ++lastId, returns, toEnd: this.#leastToEnd(returns) };
      this.#frames.set(key, frame);
      this.#remembered += 4 + returns.length;
    }
    return frame;
  }

  #leastToEnd(places: readonly Place[]): number {
    return places.reduce((least, { state, frame }) => Math.min(least, this.#toEnd[state] + frame.toEnd), Infinity);
  }
}

/** Where a rule belongs among others that descend by rank. */
function placeByRank(rules: readonly number[], ranks: Int32Array, rule: number): number {
  let [from, to] = [0, rules.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (ranks[rules[middle]] > ranks[rule]) from = middle + 1;
    else to = middle;
  }
  return from;
}

function keyOf({ state, frame }: Place): string {
  return `${state}:${frame.id}`;
}

/** Places, each once. */
class PlaceSet {
  readonly #places = new Map<string, Place>();

  get size(): number {
    return this.#places.size;
  }

  /** False: it was there. */
  add(place: Place): boolean {
    const key = keyOf(place);
    if (this.#places.has(key)) return false;
    this.#places.set(key, place);
    return true;
  }

  sorted(): readonly Place[] {
    return [...this.#places.values()].sort((a, b) => a.state - b.state || a.frame.id - b.frame.id);
  }
}

export function tooAmbiguous(): RequestError {
  return new RequestError("the grammar can be read in too many ways at once; make it less ambiguous");
}
