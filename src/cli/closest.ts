/**
 * The candidate that `word` is most likely a slip of the finger for: the fewest characters that were left out, put in,
 * replaced or swapped with their neighbour, and no more than a third of the word; else the first that it is the beginning of.
 * Upper and lower case are the same.
 */
export function closest(word: string, candidates: readonly string[]): string | undefined {
  const asked = word.toLowerCase().slice(0, longest);
  let best: string | undefined;
  let fewest = Math.floor(Math.max(asked.length, 3) / 3) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(asked, candidate.toLowerCase().slice(0, longest));
    if (distance < fewest) [best, fewest] = [candidate, distance];
  }
  if (best === undefined && asked.length >= shortestBeginning)
    return candidates.find((candidate) => candidate.toLowerCase().startsWith(asked));
  return best;
}

const shortestBeginning = 3;

/** " (did you mean …?)", or nothing: for the end of a message. */
export function didYouMean(word: string, candidates: readonly string[]): string {
  const found = closest(word, candidates);
  return found === undefined ? "" : ` (did you mean ${found}?)`;
}

/** The time goes with the square of the length, and names beyond this are not typed by hand. */
const longest = 256;

/** Optimal string alignment: Levenshtein's distance in which a swap of neighbours counts once. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = last[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      row[j] = Math.min(replaced, last[j] + 1, row[j - 1] + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        row[j] = Math.min(row[j], beforeLast[j - 2] + 1);
    }
    [beforeLast, last] = [last, row];
  }
  return last[b.length];
}
