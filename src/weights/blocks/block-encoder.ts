import type { CandidateSearch } from "./candidate-search.ts";

/** Encodes whole blocks, the values of one after another, as near as it finds. */
export type BlockEncoder = (values: Float32Array, search: CandidateSearch) => Promise<Uint8Array>;
