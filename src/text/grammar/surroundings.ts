import { isFinal, type Automaton } from "./automaton.ts";

/** All that decides what a state allows. */
export interface Surroundings {
  /** Equal for states, of whatever automata, from which the same can be read, with the same tokens to the end; until the next are asked for. */
  readonly content: Int32Array;
  /** Of the content. */
  readonly hash: number;
  /** The states there, in an order that is the content's too. */
  readonly states: readonly number[];
}

/** Looking at more takes longer than finding out anew what is allowed. */
const mostStates = 1024;
/** Where fewer bytes may follow little of a vocabulary is walked over. */
const fewBytes = 8;

/** Knows the states of one automaton by what is around them. */
export class SurroundingsReader {
  readonly #automaton: Automaton;
  readonly #toEnd: Float64Array;
  readonly #depth: number;
  /** [S] place among the states that have been met; -1: none. */
  readonly #places: Int32Array;
  readonly #isRead: Uint8Array;
  #content = new Int32Array(1024);
  #length = 0;

  /** `depth`: how many bytes behind a state count, those of the longest token. `toEnd` as tokensToEnd has it. */
  constructor(automaton: Automaton, toEnd: Float64Array, depth: number) {
    this.#automaton = automaton;
    this.#toEnd = toEnd;
    this.#depth = depth;
    this.#places = new Int32Array(toEnd.length).fill(-1);
    this.#isRead = new Uint8Array(toEnd.length);
  }

  /** Undefined: it is not worth it to know these. */
  at(state: number): Surroundings | undefined {
    if (this.#isNarrow(state)) return undefined;
    this.#length = 0;
    const states: number[] = [];
    const isKnown = this.#read(state, states);
    for (const each of states) {
      this.#places[each] = -1;
      this.#isRead[each] = 0;
    }
    if (!isKnown) return undefined;
    const content = this.#content.subarray(0, this.#length);
    return { content, hash: hashOf(content), states };
  }

  #isNarrow(state: number): boolean {
    const { byteStarts, byteEdges, callStarts } = this.#automaton;
    if (callStarts[state] < callStarts[state + 1]) return false;
    let bytes = 0;
    for (let i = 3 * byteStarts[state]; i < 3 * byteStarts[state + 1]; i += 3)
      bytes += byteEdges[i + 1] - byteEdges[i] + 1;
    return bytes < fewBytes;
  }

  /**
   * Goes from a state by bytes and calls, byte by byte. What is behind a call counts as if the call had read nothing: it may be nearer
   * then than it is, never farther. False: there are too many states.
   */
  #read(from: number, states: number[]): boolean {
    const { byteStarts, byteEdges, callStarts, callEdges, ruleStarts } = this.#automaton;
    const placeOf = (state: number): number => {
      if (this.#places[state] < 0) this.#places[state] = states.push(state) - 1;
      return this.#places[state];
    };
    placeOf(from);
    let level = [from];
    for (let depth = 0; depth < this.#depth && level.length > 0; depth++) {
      const next: number[] = [];
      // Goes on to what is called, which is added meanwhile.
      for (const state of level) {
        if (this.#isRead[state] !== 0) continue;
        this.#isRead[state] = 1;
        this.#push(this.#flags(state) | 4, byteStarts[state + 1] - byteStarts[state]);
        this.#push(this.#tokens(state), callStarts[state + 1] - callStarts[state]);
        for (let i = 3 * byteStarts[state]; i < 3 * byteStarts[state + 1]; i += 3) {
          const target = byteEdges[i + 2];
          this.#push((byteEdges[i] << 8) | byteEdges[i + 1], placeOf(target));
          next.push(target);
        }
        for (let i = 2 * callStarts[state]; i < 2 * callStarts[state + 1]; i += 2) {
          const start = ruleStarts[callEdges[i]];
          const target = callEdges[i + 1];
          this.#push(placeOf(start), placeOf(target));
          level.push(start, target);
        }
        if (states.length > mostStates) return false;
      }
      level = next;
    }
    for (const state of states) if (this.#isRead[state] === 0) this.#push(this.#flags(state), this.#tokens(state));
    return true;
  }

  #flags(state: number): number {
    return this.#automaton.accepts[state] | (Number(isFinal(this.#automaton, state)) << 1);
  }

  #tokens(state: number): number {
    return Number.isFinite(this.#toEnd[state]) ? this.#toEnd[state] : -1;
  }

  #push(first: number, second: number): void {
    if (this.#length + 2 > this.#content.length) {
      const larger = new Int32Array(2 * this.#content.length);
      larger.set(this.#content);
      this.#content = larger;
    }
    this.#content[this.#length++] = first;
    this.#content[this.#length++] = second;
  }
}

/** FNV-1a over words instead of bytes, and twice, with bases of its own each: 53 bits. */
function hashOf(words: Int32Array): number {
  let low = 0x811c9dc5;
  let high = 0x1b873593;
  for (let i = 0; i < words.length; i++) {
    low = Math.imul(low ^ words[i], 0x01000193);
    high = Math.imul(high ^ words[i], 0x85ebca6b) ^ (high >>> 15);
  }
  return (high >>> 11) * 2 ** 32 + (low >>> 0);
}
