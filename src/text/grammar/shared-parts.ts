import type { Part } from "./part.ts";
import type { Surroundings } from "./surroundings.ts";

/** Of what is kept, in 32-bit words: 16 MB. */
const maxWords = 2 ** 22;

interface SharedPart {
  readonly content: Int32Array;
  /** Its followers are places among the states of the surroundings. */
  readonly part: Part;
}

/**
 * What states allow, of all grammars for one vocabulary: strings, numbers and white space are the same in most schemas, and their
 * masks are those that take long. Those that were asked for last are kept.
 */
export class SharedParts {
  /** By the hash of the content. Of two contents of one hash the last is kept. */
  readonly #kept = new Map<number, SharedPart>();
  #words = 0;

  /** Undefined: it is not known. */
  at({ hash, content, states }: Surroundings): Part | undefined {
    const shared = this.#kept.get(hash);
    if (shared === undefined || !areEqual(shared.content, content)) return undefined;
    // A Map is in the order of insertion: what was used last is inserted last.
    this.#kept.delete(hash);
    this.#kept.set(hash, shared);
    return { ...shared.part, followers: shared.part.followers.map((place) => states[place]) };
  }

  /** Takes the content. */
  add({ hash, content, states }: Surroundings, part: Part): void {
    const places = new Map(states.map((state, place) => [state, place]));
    const shared = { content, part: { ...part, followers: part.followers.map((state) => places.get(state)!) } };
    const before = this.#kept.get(hash);
    if (before !== undefined) this.#remove(hash, before);
    this.#kept.set(hash, shared);
    this.#words += sizeOf(shared);
    for (const [oldest, each] of this.#kept) {
      if (this.#words <= maxWords) break;
      this.#remove(oldest, each);
    }
  }

  #remove(hash: number, shared: SharedPart): void {
    this.#kept.delete(hash);
    this.#words -= sizeOf(shared);
  }
}

function sizeOf({ content, part }: SharedPart): number {
  return content.length + part.allowed.length + part.exits.length + part.followers.length;
}

function areEqual(a: Int32Array, b: Int32Array): boolean {
  return a.length === b.length && a.every((word, i) => word === b[i]);
}
