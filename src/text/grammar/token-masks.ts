import type { Automaton } from "./automaton.ts";
import { Configurations, outside, tooAmbiguous, type Configuration, type Frame, type Place } from "./configuration.ts";
import type { Part } from "./part.ts";
import type { SharedParts } from "./shared-parts.ts";
import { SurroundingsReader } from "./surroundings.ts";
import { byteClasses, type TokenTrie } from "./token-trie.ts";
import { tokensToEnd } from "./tokens-to-end.ts";

/** Of masks that are kept for whole configurations, in 32-bit words: 16 MB. */
const maxMaskWords = 2 ** 22;

/** Nodes of the trie that are walked over at a time: some hundred microseconds. */
const nodesAtATime = 8192;
/** Nodes that are walked over in the time that it takes to look at a place. */
const nodesPerPlace = 32;
/** More parts than are being found at a time. */
const maxBegun = 256;
/** Where a configuration has more places it is not worth it to look for what changes nothing. */
const fewPlaces = 16;
/** Places that may be looked at for one walk. Grammars of a sensible size take a few thousand at most. */
const maxWork = 400_000;

/** Goes on for some hundred microseconds with every `next`. */
export type InPieces<Result> = Generator<undefined, Result, undefined>;

interface Mask {
  readonly allowed: Uint32Array;
  readonly isEmpty: boolean;
  /** As Part.toEnd, until the text has ended. */
  readonly toEnd: number;
}

/** What a walk over the vocabulary finds. */
class Findings {
  readonly allowed: Uint32Array;
  readonly exits: number[] = [];
  /** What tokens lead to. */
  readonly reached = new Set<Configuration>();
  /** Places that have been looked at. */
  work = 0;
  /** Nodes that may be walked over before others have their turn. */
  left = nodesAtATime;

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
  /** Those that are being found, and of which nobody may be in need any more. */
  readonly #begun = new Map<number, InPieces<Part>>();
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
    let current = configuration;
    for (let at = starts[id]; at < starts[id + 1]; at++) {
      const next = this.#configurations.step(current, bytes[at]);
      if (next === null) return undefined;
      current = next;
    }
    if (!this.#configurations.isFull) return current;
    this.#forget();
    return this.#configurations.at(current.places, current.accepts);
  }

  /** Whether the text may end here and must, as far as has been found out. */
  isComplete(configuration: Configuration): boolean {
    return (
      configuration.accepts && (configuration.places.length === 0 || this.#masks.get(configuration)?.isEmpty === true)
    );
  }

  /**
   * One bit for every id, 1: allowed; kept, so not to be written to. Without the tokens behind which it would take more than `limit`
   * further ones to end the text, its stop id among them. Where the shortest text, in bytes, takes more than these and one, everything is
   * allowed that leads to an end at all. Whoever takes what is allowed within n, n - 1, …, 0 from the beginning on comes to an end.
   * Throws RequestError for a grammar that is far too ambiguous.
   */
  *allowedWithin(configuration: Configuration, limit: number): InPieces<Uint32Array> {
    const mask = this.#masks.get(configuration) ?? (yield* this.#newMask(configuration));
    if (mask.toEnd <= limit || configuration.toEnd > limit + 1) return mask.allowed;
    const found = new Findings(this.words);
    for (const { state, frame } of configuration.places) {
      yield* this.#walk(this.#alone(state), 0, limit - frame.toEnd, found);
      yield* this.#addExits((yield* this.#part(state)).exits, frame, limit, found);
    }
    return found.allowed;
  }

  /** Looks at the states that tokens lead to from here, so that their part is known when one of them is drawn. */
  *lookAhead({ places }: Configuration): InPieces<undefined> {
    for (const { state, frame } of places) {
      const { followers, exits } = yield* this.#part(state);
      const after = exits.length === 0 ? [] : this.#configurations.after(frame).places.map((place) => place.state);
      for (const next of [...after, ...followers]) yield* this.#part(next);
    }
    return undefined;
  }

  *#newMask(configuration: Configuration): InPieces<Mask> {
    const mask = yield* this.#findMask(configuration);
    if (this.words * (this.#masks.size + 1) > maxMaskWords) this.#masks.clear();
    this.#masks.set(configuration, mask);
    return mask;
  }

  *#findMask({ places }: Configuration): InPieces<Mask> {
    let toEnd = 0;
    let found: Findings | undefined;
    for (const { state, frame } of places) {
      const part = yield* this.#part(state);
      if (places.length === 1 && part.exits.length === 0) return maskOf(part.allowed, part.toEnd + frame.toEnd);
      found ??= new Findings(this.words);
      for (let i = 0; i < this.words; i++) found.allowed[i] |= part.allowed[i];
      toEnd = Math.max(toEnd, part.toEnd + frame.toEnd);
      yield* this.#addExits(part.exits, frame, anyNumber, found);
    }
    found ??= new Findings(this.words);
    return maskOf(found.allowed, Math.max(toEnd, found.toEnd));
  }

  #forget(): void {
    this.#configurations = this.#newConfigurations();
    this.#masks = new Map();
  }

  #newConfigurations(): Configurations {
    return new Configurations(this.#automaton, this.#toEnd);
  }

  /** Whoever else wants the same meanwhile goes on with it. */
  *#part(state: number): InPieces<Part> {
    for (;;) {
      const known = this.#parts.get(state);
      if (known !== undefined) return known;
      let begun = this.#begun.get(state);
      if (begun === undefined) this.#begun.set(state, (begun = this.#newPart(state)));
      const [oldest] = this.#begun.keys();
      if (this.#begun.size > maxBegun) this.#begun.delete(oldest);
      const { done, value } = this.#goOn(state, begun);
      if (done !== true) yield;
      else {
        if (this.words * (this.#parts.size + 1) > maxMaskWords) this.#parts.clear();
        this.#parts.set(state, value);
        yield; // many may be found at once
        return value;
      }
    }
  }

  #goOn(state: number, begun: InPieces<Part>): IteratorResult<undefined, Part> {
    let hasEnded = true;
    try {
      const result = begun.next();
      hasEnded = result.done === true;
      return result;
    } finally {
      if (hasEnded) this.#begun.delete(state);
    }
  }

  *#newPart(state: number): InPieces<Part> {
    const known = this.#surroundings.at(state);
    const shared = known && this.#shared.at(known);
    if (shared !== undefined) return shared;
    // What the reader has said holds until it is asked again.
    const surroundings = known && { ...known, content: known.content.slice() };
    const found = new Findings(this.words);
    yield* this.#walk(this.#alone(state), 0, anyNumber, found);
    const { allowed, exits, reached, toEnd } = found;
    const followers = new Set(Array.from(reached, ({ places }) => places.map((place) => place.state)).flat());
    const part = { allowed, exits, followers: [...followers], toEnd };
    if (surroundings !== undefined) this.#shared.add(surroundings, part);
    return part;
  }

  /** Begins a walk: what is remembered of those before is forgotten when it is too much. */
  #alone(state: number): Configuration {
    if (this.#configurations.isFull) this.#forget();
    const place: Place = { state, frame: outside };
    return this.#configurations.at([place]);
  }

  *#addExits(exits: readonly number[], frame: Frame, limit: number, found: Findings): InPieces<void> {
    if (exits.length === 0) return;
    const after = this.#configurations.after(frame);
    for (const node of exits) {
      if (after.toEnd <= limit) this.#allow(node, node + 1, after, found);
      if (after.places.length > 0) yield* this.#walk(after, node, limit, found);
    }
  }

  /** Finds the tokens below a node that `from` can read from there on with no more than `limit` to the end, and the nodes where it may leave `outside`. */
  *#walk(from: Configuration, node: number, limit: number, found: Findings): InPieces<void> {
    const { depthAt, byteAt, endAt, classesBelow } = this.#trie;
    const configurations = this.#configurations;
    const end = endAt[node];
    const base = depthAt[node];
    const path: Configuration[] = [from];
    for (let at = node + 1; at < end;) {
      if (--found.left < 0) {
        yield;
        found.left = nodesAtATime;
      }
      const depth = depthAt[at] - base;
      const before = path[depth - 1];
      let reached = before.next[byteAt[at]];
      if (reached === undefined) {
        const begin = configurations.work;
        reached = configurations.step(before, byteAt[at]);
        found.work += configurations.work - begin;
        found.left -= nodesPerPlace * (configurations.work - begin);
        if (found.work > maxWork) throw tooAmbiguous();
      }
      if (reached === null) {
        at = endAt[at];
        continue;
      }
      if (reached.leaves) found.exits.push(at);
      const isWithin = reached.toEnd <= limit;
      // Within a string most letters lead nowhere else: what consists of them need not be looked at one by one.
      const isIdle =
        reached === before && !reached.leaves && (classesBelow[at] & ~idleClasses(configurations, reached)) === 0;
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
}

/** The classes all of whose bytes lead from a configuration to itself. */
function idleClasses(configurations: Configurations, configuration: Configuration): number {
  if (configuration.idle !== undefined) return configuration.idle;
  if (configurations.entered(configuration).length > fewPlaces) return (configuration.idle = 0);
  let others = 0;
  for (let byte = 0; byte < 256; byte++)
    if (configurations.step(configuration, byte) !== configuration) others |= 1 << byteClasses[byte];
  return (configuration.idle = ~others);
}

function maskOf(allowed: Uint32Array, toEnd: number): Mask {
  return { allowed, isEmpty: allowed.every((word) => word === 0), toEnd };
}
