/** Letters whose title case is neither themselves nor their upper case. */
const titles: ReadonlyMap<string, string> = new Map(
  [..."ǅǈǋǲ"].flatMap((title) =>
    [title.toLowerCase(), title, title.toUpperCase()].map((char) => [char, title] as const),
  ),
);
const georgian = /^[\u10d0-\u10ff]$/;
const cased = /\p{Cased}/u;

/** Python's str.capitalize. */
export function capitalize(text: string): string {
  const [first = ""] = text;
  return titleCase(first) + lowerBehind(text, first);
}

/** Python's str.title: a letter is lower where it follows on one with case. */
export function titleWords(text: string): string {
  return text.replace(/(\p{Cased})\p{Cased}*/gu, (word, first: string) => titleCase(first) + lowerBehind(word, first));
}

/** Python's str.swapcase. */
export function swapCase(text: string): string {
  return text.replace(/\p{Cased}/gu, (char, offset: number) => {
    const upper = char.toUpperCase();
    if (char !== upper) return upper;
    return char === "Σ" && isFinal(text, offset) ? "ς" : char.toLowerCase();
  });
}

/** What follows on the first letter, in lower case: the whole is converted, because a final sigma depends on what stands before. */
function lowerBehind(text: string, first: string): string {
  return text.toLowerCase().slice(first.toLowerCase().length);
}

const afterLetter = /\p{Cased}\p{Case_Ignorable}*$/u;
const beforeLetter = /^\p{Case_Ignorable}*\p{Cased}/u;
/** Marks that case ignores beside a letter; more of them are no word. */
const mostMarks = 8;

function isFinal(text: string, offset: number): boolean {
  const before = text.slice(Math.max(0, offset - mostMarks), offset);
  return afterLetter.test(before) && !beforeLetter.test(text.slice(offset + 1, offset + 1 + mostMarks));
}

/** Python's str.istitle. */
export function isTitle(text: string): boolean {
  let isInside = false;
  let hasCased = false;
  for (const char of text) {
    const isUpper = /[\p{Lu}\p{Lt}]/u.test(char);
    if (cased.test(char) && isUpper === isInside) return false;
    isInside = cased.test(char);
    hasCased ||= isInside;
  }
  return hasCased;
}

/** Python's str.isupper. */
export function isUpper(text: string): boolean {
  return /\p{Uppercase}/u.test(text) && !/[\p{Lowercase}\p{Lt}]/u.test(text);
}

/** Python's str.islower. */
export function isLower(text: string): boolean {
  return /\p{Lowercase}/u.test(text) && !/[\p{Uppercase}\p{Lt}]/u.test(text);
}

function titleCase(char: string): string {
  if (char === "" || georgian.test(char)) return char;
  const title = titles.get(char);
  if (title !== undefined) return title;
  const [first, ...rest] = char.toUpperCase();
  return first + rest.join("").toLowerCase();
}
