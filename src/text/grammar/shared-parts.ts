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

  /** As found before, or as `find` finds it. */
  at(surroundings: Surroundings, find: () => Part): Part {
    const { hash, states } = surroundings;
    let shared = this.#kept.get(hash);
    if (shared !== undefined) this.#remove(hash, shared);
    if (shared === undefined || !areEqual(shared.content, surroundings.content)) {
      const content = surroundings.content.slice();
      const places = new Map(states.map((state, place) => [state, place]));
      const part = find();
      shared = { content, part: { ...part, followers: part.followers.map((state) => places.get(state)!) } };
    }
    // A Map is in the order of insertion: what was used last is inserted last.
    this.#kept.set(hash, shared);
    this.#words += sizeOf(shared);
    for (const [oldest, each] of this.#kept) {
      if (this.#words <= maxWords) break;
      this.#remove(oldest, each);
    }
    return { ...shared.part, followers: shared.part.followers.map((place) => states[place]) };
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
