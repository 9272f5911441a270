import { throwIfAborted } from "../util/abort.ts";
import { bytesOf } from "../util/bytes.ts";
import { RequestError } from "../util/errors.ts";
import { quote } from "../util/quote.ts";

/** Takes bytes in order; may reuse nothing of them once its promise has settled. */
export type Sink = (bytes: Uint8Array) => void | Promise<void>;

export interface TensorBytes {
  readonly name: string;
  /** The bytes in one or more pieces. Called once, when it is this tensor's turn; a piece is not kept past its write. */
  readonly data: () => Iterable<ArrayBufferView> | AsyncIterable<ArrayBufferView>;
}

/** Writes a tensor's bytes piece by piece. Throws RequestError unless they are as many as a header has said, before any that are too many. */
export async function writeTensor(
  { name, data }: TensorBytes,
  byteLength: number,
  sink: Sink,
  signal?: AbortSignal,
): Promise<void> {
  let written = 0;
  for await (const piece of data()) {
    throwIfAborted(signal, "writing tensors");
    written += piece.byteLength;
    if (written > byteLength) break;
    await sink(bytesOf(piece));
  }
  if (written === byteLength) return;
  const found = written > byteLength ? "more" : String(written);
  throw new RequestError(`tensor ${quote(name)} takes ${byteLength} bytes, its data has ${found}`);
}
