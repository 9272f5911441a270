import { floatTypeOf } from "../formats/float-type.ts";
import { bytesOf } from "../util/bytes.ts";
import { quote } from "../util/quote.ts";
import { dequantizeRows } from "../weights/dequantize.ts";
import { floatValues } from "../weights/float-values.ts";
import { floatBytes } from "../weights/packed-weight.ts";
import { checkPositions } from "../weights/sparse-24.ts";
import type { Checkpoint, CheckpointModule } from "./checkpoint.ts";

/** A running sha256; `Hash` of node:crypto is one. */
export interface Hasher {
  update(bytes: Uint8Array): unknown;
  digest(encoding: "hex"): string;
}

export interface HashedModule {
  readonly module: CheckpointModule;
  /** Of the weight as little-endian f32, row-major [out][in]; undefined for a tensor that holds no floats. */
  readonly sha256: string | undefined;
}

/** f32 values made at a time: 16 MiB, whatever the weight. */
const chunkValues = 4 * 2 ** 20;

/**
 * Hashes every dequantized weight of a checkpoint, one after the other, in the order of `modules`. No more than one packed
 * module and a chunk of values are in memory at a time. Throws as Checkpoint.linear.
 */
export async function* hashWeights(checkpoint: Checkpoint, createHasher: () => Hasher): AsyncGenerator<HashedModule> {
  for (const module of checkpoint.modules()) {
    const chunks = module.tensor ? plainValues(module.tensor) : packedValues(checkpoint, module);
    if (chunks === undefined) {
      yield { module, sha256: undefined };
      continue;
    }
    const hasher = createHasher();
    for await (const values of chunks) hasher.update(bytesOf(values));
    yield { module, sha256: hasher.digest("hex") };
  }
}

async function* packedValues(checkpoint: Checkpoint, module: CheckpointModule): AsyncGenerator<Float32Array> {
  const weight = await checkpoint.stored(module);
  checkPositions(weight, `${checkpoint.label}: ${quote(module.name)}`);
  const rows = Math.max(1, Math.floor(chunkValues / weight.inFeatures));
  for (let start = 0; start < weight.outFeatures; start += rows) {
    yield dequantizeRows(weight, start, Math.min(start + rows, weight.outFeatures));
  }
}

function plainValues(tensor: NonNullable<CheckpointModule["tensor"]>): AsyncGenerator<Float32Array> | undefined {
  const type = floatTypeOf(tensor);
  if (type === undefined) return undefined;
  const step = chunkValues * floatBytes[type];
  return (async function* () {
    for (let start = 0; start < tensor.byteLength; start += step) {
      yield floatValues(await tensor.read({ start, end: Math.min(start + step, tensor.byteLength) }), type);
    }
  })();
}
