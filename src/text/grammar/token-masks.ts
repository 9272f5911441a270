import type { Automaton } from "./automaton.ts";
import { Configurations, outside, type Configuration, type Frame, type Place } from "./configuration.ts";
import type { Part } from "./part.ts";
import type { SharedParts } from "./shared-parts.ts";
import { SurroundingsReader } from "./surroundings.ts";
import { byteClasses, type TokenTrie } from "./token-trie.ts";
import { tokensToEnd } from "./tokens-to-end.ts";

/** Of masks that are kept for whole configurations, in 32-bit words: 16 MB. */
const maxMaskWords = 2 ** 22;

interface Mask {
  readonly allowed: Uint32Array;
  /** As Part.toEnd, until the text has ended. */
  readonly toEnd: number;
}

/** What a walk over the vocabulary finds. */
class Findings {
  readonly allowed: Uint32Array;
  readonly exits: number[] = [];
  /** What tokens lead to. */
  readonly reached = new Set<Configuration>();

  constructor(words: number) {
    this.allowed = new Uint32Array(words);
  }

  get toEnd(): number {
    let most = 0;
    for (const { toEnd } of this.reached) most = Math.max(most, toEnd);
    return most;
  }
}

const anyNumber = Number.MAX_SAFE_INTEGER;

/**
 * The tokens that may follow, for one automaton and one vocabulary. Most are decided by the state of the innermost rule alone, which
 * takes a walk over the vocabulary once; only those that leave the rule are looked at in every new context.
 */
export class TokenMasks {
  readonly words: number;
  readonly #automaton: Automaton;
  readonly #trie: TokenTrie;
  readonly #toEnd: Float64Array;
  readonly #shared: SharedParts;
  readonly #surroundings: SurroundingsReader;
  readonly #parts = new Map<number, Part>();
  #configurations: Configurations;
  #masks = new Map<Configuration, Mask>();

  /** `shared` is the vocabulary's. */
  constructor(automaton: Automaton, trie: TokenTrie, shared: SharedParts) {
    this.#automaton = automaton;
    this.#trie = trie;
    this.#toEnd = tokensToEnd(automaton, trie);
    this.#shared = shared;
    this.#surroundings = new SurroundingsReader(automaton, this.#toEnd, trie.maxDepth);
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
    return this.#mask(configuration).allowed;
  }

  /**
   * As `allowed`, without the tokens behind which it would take more than `limit` further ones to end the text, its stop id among them.
   * Where the shortest text, in bytes, takes more than these and one, everything is allowed that leads to an end at all. Whoever takes what is
   * allowed within n, n - 1, …, 0 from the beginning on comes to an end.
   */
  allowedWithin(configuration: Configuration, limit: number): Uint32Array {
    const mask = this.#mask(configuration);
    if (mask.toEnd <= limit || configuration.toEnd > limit + 1) return mask.allowed;
    this.#configurations.startWork();
    const found = new Findings(this.words);
    for (const { state, frame } of configuration.places) {
      this.#walk(this.#alone(state), 0, limit - frame.toEnd, found);
      this.#addExits(this.#part(state).exits, frame, limit, found);
    }
    return found.allowed;
  }

  #mask(configuration: Configuration): Mask {
    let mask = this.#masks.get(configuration);
    if (mask !== undefined) return mask;
    this.#configurations.startWork();
    mask = this.#newMask(configuration);
    if (this.words * (this.#masks.size + 1) > maxMaskWords) this.#masks.clear();
    this.#masks.set(configuration, mask);
    return mask;
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

  #newMask({ places }: Configuration): Mask {
    let toEnd = 0;
    let found: Findings | undefined;
    for (const { state, frame } of places) {
      const part = this.#part(state);
      if (places.length === 1 && part.exits.length === 0)
        return { allowed: part.allowed, toEnd: part.toEnd + frame.toEnd };
      found ??= new Findings(this.words);
      for (let i = 0; i < this.words; i++) found.allowed[i] |= part.allowed[i];
      toEnd = Math.max(toEnd, part.toEnd + frame.toEnd);
      this.#addExits(part.exits, frame, anyNumber, found);
    }
    found ??= new Findings(this.words);
    return { allowed: found.allowed, toEnd: Math.max(toEnd, found.toEnd) };
  }

  #newConfigurations(): Configurations {
    return new Configurations(this.#automaton, this.#toEnd);
  }

  #part(state: number): Part {
    let part = this.#parts.get(state);
    if (part === undefined) {
      const surroundings = this.#surroundings.at(state);
      const find = (): Part => this.#findPart(state);
      part = surroundings === undefined ? find() : this.#shared.at(surroundings, find);
      if (this.words * (this.#parts.size + 1) > maxMaskWords) this.#parts.clear();
      this.#parts.set(state, part);
    }
    return part;
  }

  #findPart(state: number): Part {
    const { allowed, exits, reached, toEnd } = this.#walked(state);
    const followers = new Set(Array.from(reached, ({ places }) => places.map((place) => place.state)).flat());
    return { allowed, exits, followers: [...followers], toEnd };
  }

  #walked(state: number): Findings {
    const found = new Findings(this.words);
    this.#walk(this.#alone(state), 0, anyNumber, found);
    return found;
  }

  #alone(state: number): Configuration {
    const place: Place = { state, frame: outside };
    return this.#configurations.at([place]);
  }

  #addExits(exits: readonly number[], frame: Frame, limit: number, found: Findings): void {
    if (exits.length === 0) return;
    const after = this.#configurations.after(frame);
    for (const node of exits) {
      if (after.toEnd <= limit) this.#allow(node, node + 1, after, found);
      if (after.places.length > 0) this.#walk(after, node, limit, found);
    }
  }

  /** Finds the tokens below a node that `from` can read from there on with no more than `limit` to the end, and the nodes where it may leave `outside`. */
  #walk(from: Configuration, node: number, limit: number, found: Findings): void {
    const { depthAt, byteAt, endAt, classesBelow } = this.#trie;
    const configurations = this.#configurations;
    const end = endAt[node];
    const base = depthAt[node];
    const path: Configuration[] = [from];
    for (let at = node + 1; at < end;) {
      const depth = depthAt[at] - base;
      const before = path[depth - 1];
      let reached = before.next[byteAt[at]];
      if (reached === undefined) reached = configurations.step(before, byteAt[at]);
      if (reached === null) {
        at = endAt[at];
        continue;
      }
      if (reached.leaves) found.exits.push(at);
      const isWithin = reached.toEnd <= limit;
      // Within a string most letters lead nowhere else: what consists of them need not be looked at one by one.
      const isIdle = reached === before && !reached.leaves && (classesBelow[at] & ~this.#idle(reached)) === 0;
      const next = isIdle || reached.places.length === 0 ? endAt[at] : at + 1;
      if (isWithin) this.#allow(at, isIdle ? next : at + 1, reached, found);
      path[depth] = reached;
      at = next;
    }
  }

  /** Allows the tokens of nodes `from` to `end`, which all lead to `reached`. */
  #allow(from: number, end: number, reached: Configuration, { allowed, reached: all }: Findings): void {
    const { idStarts, ids } = this.#trie;
    if (idStarts[from] === idStarts[end]) return;
    for (let i = idStarts[from]; i < idStarts[end]; i++) allowed[ids[i] >> 5] |= 1 << (ids[i] & 31);
    all.add(reached);
  }

  /** The classes all of whose bytes lead from a configuration to itself. */
  #idle(configuration: Configuration): number {
    if (configuration.idle !== undefined) return configuration.idle;
    let others = 0;
    for (let byte = 0; byte < 256; byte++)
      if (this.#configurations.step(configuration, byte) !== configuration) others |= 1 << byteClasses[byte];
    return (configuration.idle = ~others);
  }
}
