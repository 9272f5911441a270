/** Logits that one step hands over: rows are asked for a few at a time, so that a long text needs no more memory than a short one. */
const bytesAtOnce = 64 * 2 ** 20;
/** More rows than this make no step faster. */
const mostRows = 512;

/** Rows of logits to compute in one step. */
export function logitsRows(vocabSize: number): number {
  return Math.max(1, Math.min(mostRows, Math.floor(bytesAtOnce / (4 * vocabSize))));
}
