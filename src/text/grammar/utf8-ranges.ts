/** Inclusive bounds of each byte: first, last, first, last, …. */
export type ByteRanges = readonly number[];

/** The last code points of 1, 2, 3 and 4 bytes. */
const lengthEnds = [0x7f, 0x7ff, 0xffff, 0x10ffff];

/**
 * The UTF-8 of the code points from `first` to `last` as sequences of byte ranges (after Thompson's grep and RE2): all but the last
 * one or two bytes are single, or cover whole continuation ranges. Surrogates must not be among them.
 */
export function* utf8Ranges(first: number, last: number): Generator<ByteRanges> {
  for (const [i, end] of lengthEnds.entries()) {
    const begin = i === 0 ? 0 : lengthEnds[i - 1] + 1;
    if (first <= end && last >= begin) yield* sameLength(Math.max(first, begin), Math.min(last, end), i);
  }
}

/** Splits until the bytes can vary independently of each other. */
function* sameLength(first: number, last: number, continuations: number): Generator<ByteRanges> {
  for (let i = 1; i <= continuations; i++) {
    const mask = (1 << (6 * i)) - 1;
    if (first >> (6 * i) === last >> (6 * i)) continue;
    if ((first & mask) !== 0) {
      yield* sameLength(first, first | mask, continuations);
      yield* sameLength((first | mask) + 1, last, continuations);
      return;
    }
    if ((last & mask) !== mask) {
      yield* sameLength(first, (last & ~mask) - 1, continuations);
      yield* sameLength(last & ~mask, last, continuations);
      return;
    }
  }
  const [low, high] = [encode(first, continuations), encode(last, continuations)];
  yield low.flatMap((byte, i) => [byte, high[i]]);
}

function encode(codePoint: number, continuations: number): number[] {
  if (continuations === 0) return [codePoint];
  const lead = [0, 0xc0, 0xe0, 0xf0][continuations];
  const bytes = [lead | (codePoint >> (6 * continuations))];
  for (let i = continuations - 1; i >= 0; i--) bytes.push(0x80 | ((codePoint >> (6 * i)) & 0x3f));
  return bytes;
}
