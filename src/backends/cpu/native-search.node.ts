import { maxThreads } from "../../device/backend.ts";
import { RequestError } from "../../util/errors.ts";
import type { CandidateGroups, CandidateSearch, ChosenGroups } from "../../weights/blocks/candidate-search.ts";
import { defaultThreads } from "./default-threads.node.ts";
import { loadNativeLibrary, type NativeLibrary, type Pointer } from "./native-library.node.ts";

/** The search on all threads, in the words of the instruction set: bit for bit what `plainSearch` finds. Disposing it ends the threads. */
export class NativeSearch implements CandidateSearch, Disposable {
  readonly #library: NativeLibrary;
  readonly #device: Pointer;

  private constructor(library: NativeLibrary, device: Pointer) {
    this.#library = library;
    this.#device = device;
  }

  /** Throws UnsupportedError where there is no native library for this machine. */
  static open(threads = defaultThreads()): NativeSearch {
    if (!Number.isInteger(threads) || threads < 1 || threads > maxThreads)
      throw new RequestError(`${threads} threads; from 1 to ${maxThreads} are accepted`);
    const library = loadNativeLibrary();
    return new NativeSearch(library, library.deviceOpen(threads, library.bestIsa(), 0));
  }

  measure(groups: CandidateGroups, errors: Float64Array): Promise<void> {
    return this.#search(groups, { errors });
  }

  refit(groups: CandidateGroups, minimaAtMostZero: boolean): Promise<void> {
    return this.#search(groups, { minimaAtMostZero });
  }

  encode(groups: ChosenGroups, codes: Uint8Array): Promise<void> {
    return this.#search(groups, { codes });
  }

  [Symbol.dispose](): void {
    this.#library.deviceClose(this.#device);
  }

  #search(
    { values, size, levels, scales, minima }: CandidateGroups,
    wanted: { readonly errors?: Float64Array; readonly codes?: Uint8Array; readonly minimaAtMostZero?: boolean },
  ): Promise<void> {
    return this.#library.searchBlocks(this.#device, {
      values,
      scales,
      minima: minima ?? null,
      errors: wanted.errors ?? null,
      codes: wanted.codes ?? null,
      table: levels.table ?? null,
      groups: Math.floor(values.length / size),
      size,
      lowest: levels.lowest,
      count: levels.count,
      minimaAtMostZero: wanted.minimaAtMostZero ? 1 : 0,
    });
  }
}
