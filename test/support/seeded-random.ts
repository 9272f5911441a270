/** Repeatable words for tests, u32: the same for the same seed, on every machine. Mulberry32 (Tommy Ettinger, public domain). */
export function seededWords(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

/** A function that returns integers from 0 to `below` - 1. */
export function seededRandom(seed: number): (below: number) => number {
  const word = seededWords(seed);
  return (below) => Math.floor((word() / 2 ** 32) * below);
}
