import { FormatError, UnsupportedError } from "../util/errors.ts";

/** Formats know modules and tensors, but not whose they are: puts the checkpoint's label before their errors. */
export function withLabel<Result>(label: string, fn: () => Result): Result {
  try {
    return fn();
  } catch (error) {
    if (error instanceof FormatError) throw new FormatError(`${label}: ${error.message}`, { cause: error });
    if (error instanceof UnsupportedError) throw new UnsupportedError(`${label}: ${error.message}`, { cause: error });
    throw error;
  }
}
