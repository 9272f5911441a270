import type { RopeSpec, RopeVariant, RopeWriteOp } from "../../device/program.ts";
import type { RunningStep } from "./running-step.ts";

export function ropeWrite(running: RunningStep, op: RopeWriteOp, t: number): void {
  const { program, caches, rounding } = running.memory;
  const { positions, pageTables, ropeVariants } = running.step;
  const cache = caches[op.cache];
  const { headDim, kvHeads, pageKind } = cache.spec;
  const { rotaryDim, variants } = op.rope === undefined ? unrotated : program.ropes[op.rope];
  const s = running.sequences[t];
  const position = positions[t];
  const variant = variants[variants.length > 1 ? ropeVariants[s] : 0];

  const q = running.row(op.q, t);
  for (let start = 0; start < q.length; start += headDim)
    rotate(q.subarray(start, start + headDim), position, rotaryDim, variant);

  const k = running.row(op.k, t);
  const v = running.row(op.v, t);
  for (let head = 0; head < kvHeads; head++) {
    const key = cache.key(pageTables[pageKind], s, position, head);
    key.set(k.subarray(head * headDim, (head + 1) * headDim));
    rotate(key, position, rotaryDim, variant);
    rounding.apply(key);
    cache.value(pageTables[pageKind], s, position, head).set(v.subarray(head * headDim, (head + 1) * headDim));
  }
}

/** The rope of layers that have none. */
const unrotated: RopeSpec = { rotaryDim: 0, variants: [{ inverseFrequencies: new Float32Array(0), scale: 1 }] };

/** Turns the pairs (i, i + rotaryDim / 2) of one head in place. */
function rotate(head: Float32Array, position: number, rotaryDim: number, variant: RopeVariant): void {
  const half = rotaryDim / 2;
  for (let i = 0; i < half; i++) {
    // The angle is the f32 product, as in every engine that models were trained and judged with: at position 100,000 it is off by 0.004.
    const angle = Math.fround(position * variant.inverseFrequencies[i]);
    const cosine = Math.cos(angle) * variant.scale;
    const sine = Math.sin(angle) * variant.scale;
    const a = head[i];
    const b = head[i + half];
    head[i] = a * cosine - b * sine;
    head[i + half] = b * cosine + a * sine;
  }
}
