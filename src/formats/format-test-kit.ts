import { bytesOf } from "../util/bytes.ts";
import { floatToHalf } from "../util/float16.ts";
import { parseJsonObject } from "../util/json.ts";
import type { PackedWeight } from "../weights/packed-weight.ts";
import { recogniseFormat } from "./formats.ts";
import type { FormatOverrides, RecognisedFormat, TensorData, WeightOutline } from "./weight-format.ts";

/** What tests of formats share: tensors by hand, and the way from them through recogniseFormat to a weight. */

export const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

export function tensor(name: string, dtype: string, shape: readonly number[], data: ArrayBufferView): TensorData {
  return { name, dtype, shape: [...shape], bytes: bytesOf(data) };
}

/** Floats that fp16 holds exactly, as the file stores them. */
export function halves(values: readonly number[]): Uint16Array {
  return Uint16Array.from(values, floatToHalf);
}

/** Words of little-endian fields of `bits`, eight to a word of 32 where bits is 4. */
export function wordsOf(fields: readonly number[], bits: number): Uint32Array {
  const inWord = 32 / bits;
  return Uint32Array.from(range(fields.length / inWord), (w) =>
    fields.slice(inWord * w, inWord * (w + 1)).reduce((word, field, i) => (word | (field << (bits * i))) >>> 0, 0),
  );
}

/** An array of many dimensions with its axes in another order, as numpy's transpose. */
export function transpose(data: readonly number[], shape: readonly number[], axes: readonly number[]): number[] {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
  const walk = (depth: number, offset: number): number[] =>
    depth === axes.length
      ? [data[offset]]
      : range(shape[axes[depth]]).flatMap((i) => walk(depth + 1, offset + i * strides[axes[depth]]));
  return walk(0, 0);
}

export interface Decoded {
  readonly format: RecognisedFormat;
  readonly weight: PackedWeight;
  readonly outline: WeightOutline;
  readonly warnings: readonly string[];
}

export interface DecodeOptions extends FormatOverrides {
  readonly config?: unknown;
  /** The module to decode; absent: "layer". */
  readonly module?: string;
}

/** Recognises a checkpoint of these tensors and decodes a module of it. Throws as the format does. */
export function decodeModule(tensors: readonly TensorData[], options: DecodeOptions = {}): Decoded {
  const { config, module = "layer" } = options;
  const byName = new Map(tensors.map((found) => [found.name, found]));
  const declared = config === undefined ? undefined : parseJsonObject(new TextEncoder().encode(JSON.stringify(config)), "config"); // prettier-ignore
  const evidence = { ...(declared && { declared }), label: "config.json", metadata: new Map<string, string>(), tensors: byName }; // prettier-ignore
  const format = recogniseFormat(evidence, options);
  const pieces = new Map(format.pieceNames(module).flatMap((name) => {
    const found = byName.get(name);
    return found === undefined ? [] : [[name, found] as const];
  })); // prettier-ignore
  const warnings: string[] = [];
  const weight = format.decode(module, pieces, (text) => warnings.push(text));
  return { format, weight, warnings, outline: format.describe(module, pieces) };
}
