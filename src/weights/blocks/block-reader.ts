/** Decodes the block that begins at byte `at` into `values` from index `to` on, in f32 by the formula of its type. */
export type BlockReader = (bytes: Uint8Array, at: number, values: Float32Array, to: number) => void;
