import { maxThreads } from "../../device/backend.ts";
import { RequestError } from "../../util/errors.ts";
import type { CandidateGroups, CandidateSearch, ChosenGroups } from "../../weights/blocks/candidate-search.ts";
import { defaultThreads } from "./default-threads.node.ts";
import { NativeDevice } from "./native-device.node.ts";
import { loadNativeLibrary, type NativeLibrary } from "./native-library.node.ts";

/** The search on all threads, in the words of the instruction set: bit for bit what `plainSearch` finds. Disposing it ends the threads. */
export class NativeSearch implements CandidateSearch, Disposable {
  readonly #library: NativeLibrary;
  readonly #device: NativeDevice;

  private constructor(library: NativeLibrary, device: NativeDevice) {
    this.#library = library;
    this.#device = device;
  }

  /** Throws UnsupportedError where there is no native library for this machine, OutOfMemoryError where threads cannot be started. */
  static open(threads = defaultThreads()): NativeSearch {
    if (!Number.isInteger(threads) || threads < 1 || threads > maxThreads)
      throw new RequestError(`${threads} threads; from 1 to ${maxThreads} are accepted`);
    const library = loadNativeLibrary();
    return new NativeSearch(library, new NativeDevice(library, threads, library.bestIsa(), false));
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
    void this.#device.close();
  }

  #search(
    { values, size, levels, scales, minima }: CandidateGroups,
    wanted: { readonly errors?: Float64Array; readonly codes?: Uint8Array; readonly minimaAtMostZero?: boolean },
  ): Promise<void> {
    const search = {
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
    };
    return this.#device.run((device) => this.#library.searchBlocks(device, search));
  }
}
