/** The mark that begins first in a text; where none does, how many characters at its end may be the beginning of one. */
export function findMark(
  text: string,
  marks: readonly string[],
): { readonly mark: string; readonly start: number } | { readonly mark?: undefined; readonly held: number } {
  let mark: string | undefined;
  let start = Infinity;
  for (const candidate of marks) {
    const found = text.indexOf(candidate);
    if (found >= 0 && found < start) [mark, start] = [candidate, found];
  }
  if (mark !== undefined) return { mark, start };
  let held = 0;
  for (const candidate of marks)
    for (let length = Math.min(candidate.length - 1, text.length); length > held; length--)
      if (text.endsWith(candidate.slice(0, length))) held = length;
  return { held };
}
