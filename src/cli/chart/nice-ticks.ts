/** Marks of an axis from at or below `low` to at or above `high`, about so many, 1, 2 or 5 times a power of ten apart. */
export function niceTicks(low: number, high: number, about: number): readonly number[] {
  const span = high > low ? high - low : Math.abs(low) || 1;
  const rough = span / about;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
  const first = Math.floor(low / step);
  const last = Math.max(first + 1, Math.ceil(high / step));
  return Array.from({ length: last - first + 1 }, (_, index) => Number(((first + index) * step).toPrecision(12)));
}
