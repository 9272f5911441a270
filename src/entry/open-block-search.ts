import { UnsupportedError } from "../util/errors.ts";
import { plainSearch, type CandidateSearch } from "../weights/blocks/candidate-search.ts";

/** The search of encoders of blocks: native where there is a library for this machine. Disposing it ends its threads. */
export async function openBlockSearch(): Promise<CandidateSearch & Disposable> {
  try {
    return (await import("../backends/cpu/native-search.node.ts")).NativeSearch.open();
  } catch (error) {
    if (!(error instanceof UnsupportedError)) throw error;
    return { ...plainSearch, [Symbol.dispose]: () => undefined };
  }
}
