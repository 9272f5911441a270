import type { RawTensor } from "../containers/raw-tensor.ts";
import { TransposedTensor } from "../formats/dense/transposed-tensor.ts";
import { FormatError, RequestError } from "../util/errors.ts";
import { quote } from "../util/quote.ts";
import type { Warn } from "../util/warn-once.ts";
import type { LinearShape } from "../weights/linear-shape.ts";

/**
 * The tensors of a container, those whose names match a user's pattern as matrices that lie inputs first though their dimensions are named
 * outputs first. `*` stands for any characters, and commas part several patterns; a matching vector stays as it is. Absent: all stay.
 *
 * Throws RequestError for a pattern that no matrix matches, UnsupportedError and FormatError as TransposedTensor.
 */
export function transposeMatching<Type extends string>(
  tensors: ReadonlyMap<string, RawTensor<Type>>,
  pattern: string | undefined,
  label: string,
): ReadonlyMap<string, RawTensor<Type | "F32">> {
  if (pattern === undefined) return tensors;
  const patterns = pattern.split(",").map((part) => part.split("*"));
  const isMatch = (name: string): boolean => patterns.some((parts) => matches(name, parts));
  let count = 0;
  const found = [...tensors].map(([name, tensor]): [string, RawTensor<Type | "F32">] => {
    const [outFeatures, inFeatures] = tensor.shape;
    if (tensor.shape.length !== 2 || !isMatch(name)) return [name, tensor];
    count++;
    return [name, new TransposedTensor(tensor, { inFeatures, outFeatures })];
  });
  if (count > 0) return new Map(found);
  const example = [...tensors.values()].find(({ shape }) => shape.length === 2)?.name;
  throw new RequestError(
    `${label}: no matrix is called ${quote(pattern)}, which is to be read transposed; ` +
      (example === undefined
        ? "there are none"
        : `their names are like ${quote(example)}, and * stands for any characters`),
  );
}

/** In linear time, whatever the pattern: each part is looked for once, from where the one before it ends. */
function matches(name: string, [first, ...others]: readonly string[]): boolean {
  const last = others.pop();
  if (last === undefined) return name === first;
  if (!name.startsWith(first)) return false;
  let at = first.length;
  for (const part of others) {
    const found = name.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return name.length - at >= last.length && name.endsWith(last);
}

/** Reads a matrix whose dimensions are the model's in the other order as one that lies inputs first, as its dimensions then say. */
export class TransposedByShape {
  readonly #label: string;
  readonly #warn: Warn;

  constructor(label: string, warn: Warn) {
    this.#label = label;
    this.#warn = warn;
  }

  /** The tensor as the model expects it, where turning it does that, else as it is. Warns once a file. Throws as TransposedTensor. */
  turned<Type extends string>(
    tensor: RawTensor<Type>,
    { inFeatures, outFeatures }: LinearShape,
  ): RawTensor<Type | "F32"> {
    const { name, shape } = tensor;
    if (inFeatures === outFeatures || shape.join() !== `${inFeatures},${outFeatures}`) return tensor;
    this.#warn(
      `${this.#label}: tensors lie inputs first, and are read so: their dimensions are the model's in the other order`,
    );
    try {
      return new TransposedTensor(tensor, { inFeatures, outFeatures });
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      throw new FormatError(
        `tensor ${quote(name)} is ${inFeatures} × ${outFeatures}, which the model has the other way round: ${error.message}`,
        { cause: error },
      );
    }
  }
}
