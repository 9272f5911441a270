import type { BufferId, Program } from "../../device/program.ts";
import { bfloat16ToFloat, floatToBfloat16, floatToHalf, halfToFloat } from "../../util/float16.ts";
import type { FloatType } from "../../weights/packed-weight.ts";

const roundings: Readonly<Record<FloatType, ((value: number) => number) | undefined>> = {
  f32: undefined, // what buffers are made of
  f16: (value) => halfToFloat(floatToHalf(value)),
  bf16: (value) => bfloat16ToFloat(floatToBfloat16(value)),
};

/**
 * Brings what ops have written, and what caches keep, to the values that a device's dtype has: what the same program computes where
 * buffers are halves. Logits stay f32, as samplers want them, and so do routes, which are indices in part.
 */
export class Rounding {
  readonly #exact = new Set<BufferId>();
  readonly #rounded: ((value: number) => number) | undefined;

  constructor({ ops }: Program, dtype: FloatType) {
    this.#rounded = roundings[dtype];
    for (const op of ops) {
      if (op.op === "sample") this.#exact.add(op.logits.buffer);
      if (op.op === "route") this.#exact.add(op.out.buffer);
    }
  }

  /** Rounds in place what is, or is to be, in a buffer; without one, in a cache. */
  apply(values: Float32Array, buffer?: BufferId): void {
    const rounded = this.#rounded;
    if (rounded === undefined || (buffer !== undefined && this.#exact.has(buffer))) return;
    for (let i = 0; i < values.length; i++) values[i] = rounded(values[i]);
  }
}
