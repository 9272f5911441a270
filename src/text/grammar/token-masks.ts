import { liveStates, type Automaton } from "./automaton.ts";
import { Configurations, outside, type Configuration, type Frame } from "./configuration.ts";
import type { TokenTrie } from "./token-trie.ts";

/** Of masks that are kept for whole configurations, in 32-bit words: 16 MB. */
const maxMaskWords = 2 ** 22;

/** What a state of the automaton allows while its rule is under way, whatever called that. */
interface Part {
  /** The tokens throughout which the rule lasts. */
  readonly allowed: Uint32Array;
  /** Nodes of the trie where the rule may end: what follows there depends on its caller. */
  readonly exits: readonly number[];
  /** States that tokens lead to while the rule lasts. */
  readonly followers: readonly number[];
}

/**
 * The tokens that may follow, for one automaton and one vocabulary. Most are decided by the state of the innermost rule alone, which
 * takes a walk over the vocabulary once; only those that leave the rule are looked at in every new context.
 */
export class TokenMasks {
  readonly words: number;
  readonly #automaton: Automaton;
  readonly #trie: TokenTrie;
  readonly #live: Uint8Array;
  readonly #parts = new Map<number, Part>();
  #configurations: Configurations;
  #masks = new Map<Configuration, Uint32Array>();

  constructor(automaton: Automaton, trie: TokenTrie) {
    this.#automaton = automaton;
    this.#trie = trie;
    this.#live = liveStates(automaton, trie.singleBytes);
    this.words = Math.ceil(trie.vocabSize / 32);
    this.#configurations = this.#newConfigurations();
  }

  get start(): Configuration {
    return this.#configurations.start;
  }

  /** What the configuration becomes by one token more; undefined: that token may not follow. */
  after(configuration: Configuration, id: number): Configuration | undefined {
    const { bytes, starts } = this.#trie.tokens;
    if (starts[id] === starts[id + 1]) return undefined;
    this.#configurations.startWork();
    let current = configuration;
    for (let at = starts[id]; at < starts[id + 1]; at++) {
      const next = this.#configurations.step(current, bytes[at]);
      if (next === null) return undefined;
      current = next;
    }
    if (!this.#configurations.isFull) return current;
    this.#configurations = this.#newConfigurations();
    this.#masks = new Map();
    return this.#configurations.at(current.places, current.accepts);
  }

  /** One bit for every id, 1: allowed; kept, so not to be written to. Throws RequestError for a grammar that is far too ambiguous. */
  allowed(configuration: Configuration): Uint32Array {
    let allowed = this.#masks.get(configuration);
    if (allowed !== undefined) return allowed;
    this.#configurations.startWork();
    allowed = new Uint32Array(this.words);
    for (const { state, frame } of configuration.places) {
      const part = this.#part(state);
      for (let i = 0; i < this.words; i++) allowed[i] |= part.allowed[i];
      this.#addExits(part.exits, frame, allowed);
    }
    if (this.words * (this.#masks.size + 1) > maxMaskWords) this.#masks.clear();
    this.#masks.set(configuration, allowed);
    return allowed;
  }

  /** Looks at the states that tokens lead to from here, so that their part is known when one of them is drawn. */
  lookAhead({ places }: Configuration, isOver: () => boolean): void {
    for (const { state, frame } of places) {
      const { followers, exits } = this.#part(state);
      const after = exits.length === 0 ? [] : this.#configurations.after(frame).places.map((place) => place.state);
      for (const next of [...after, ...followers]) {
        if (isOver()) return;
        this.#part(next);
      }
    }
  }

  #newConfigurations(): Configurations {
    return new Configurations(this.#automaton, this.#live);
  }

  #part(state: number): Part {
    let part = this.#parts.get(state);
    if (part === undefined) {
      const allowed = new Uint32Array(this.words);
      const exits: number[] = [];
      const reached = new Set<Configuration>();
      this.#walk(this.#configurations.at([{ state, frame: outside }]), 0, allowed, exits, reached);
      const followers = new Set(Array.from(reached, ({ places }) => places.map((place) => place.state)).flat());
      part = { allowed, exits, followers: [...followers] };
      this.#parts.set(state, part);
    }
    return part;
  }

  #addExits(exits: readonly number[], frame: Frame, allowed: Uint32Array): void {
    if (exits.length === 0) return;
    const after = this.#configurations.after(frame);
    for (const node of exits) {
      if (after.isLive) this.#allowTokensAt(node, allowed);
      if (after.places.length > 0) this.#walk(after, node, allowed, [], new Set());
    }
  }

  /** Allows the tokens below a node that `from` can read from there on, and lists the nodes where it may leave `outside`. */
  #walk(
    from: Configuration,
    node: number,
    allowed: Uint32Array,
    exits: number[],
    reachedByToken: Set<Configuration>,
  ): void {
    const { depthAt, byteAt, endAt, idStarts } = this.#trie;
    const configurations = this.#configurations;
    const end = endAt[node];
    const path: Configuration[] = [];
    const base = depthAt[node];
    path[0] = from;
    for (let at = node + 1; at < end;) {
      const depth = depthAt[at] - base;
      const before = path[depth - 1];
      let reached = before.next[byteAt[at]];
      if (reached === undefined) reached = configurations.step(before, byteAt[at]);
      if (reached === null) {
        at = endAt[at];
        continue;
      }
      if (reached.leaves) exits.push(at);
      if (reached.isLive && idStarts[at] < idStarts[at + 1]) {
        this.#allowTokensAt(at, allowed);
        reachedByToken.add(reached);
      }
      if (reached.places.length === 0) {
        at = endAt[at];
        continue;
      }
      path[depth] = reached;
      at++;
    }
  }

  #allowTokensAt(node: number, allowed: Uint32Array): void {
    const { idStarts, ids } = this.#trie;
    for (let i = idStarts[node]; i < idStarts[node + 1]; i++) allowed[ids[i] >> 5] |= 1 << (ids[i] & 31);
  }
}
