import { FormatError, UnsupportedError } from "../util/errors.ts";
import { quote } from "../util/quote.ts";
import type { Pieces, TensorHead } from "./weight-format.ts";

/** "[640, 32]", for messages. */
export function shapeText({ shape }: Pick<TensorHead, "shape">): string {
  return `[${shape.join(", ")}]`;
}

/** A tensor that its module cannot do without. Throws FormatError where it is missing. */
export function requirePiece<Tensor extends TensorHead>(
  module: string,
  name: string,
  pieces: Pieces<Tensor>,
  format: string,
): Tensor {
  const found = pieces.get(`${module}.${name}`);
  if (found === undefined)
    throw new FormatError(`${quote(module)}: the checkpoint has no ${name} of this ${format} module`);
  return found;
}

/** Throws UnsupportedError for another element type than the accepted, FormatError for another number of dimensions. */
export function requireTensor(module: string, tensor: TensorHead, dtypes: readonly string[], rank: number): void {
  if (!dtypes.includes(tensor.dtype)) {
    throw new UnsupportedError(
      `${quote(module)}: tensor ${quote(tensor.name)} holds ${tensor.dtype}; ${dtypes.join(" or ")} can be read there`,
    );
  }
  if (tensor.shape.length !== rank) {
    throw new FormatError(
      `${quote(module)}: tensor ${quote(tensor.name)} has the shape ${shapeText(tensor)}, not ${rank}-D`,
    );
  }
}

/** Words of 32 bit, and floats that scales may be. */
export const wordTypes: readonly string[] = ["I32", "U32"];
export const scaleTypes: readonly string[] = ["F16", "BF16", "F32"];
