/**
 * The text of a JSON object with some of its members replaced: those named in `changes`, undefined ones left out, new ones last. All
 * others stay letter for letter: through a parser, Python's 1.0 would become 1, and its NaN nothing. `text` must be valid JSON.
 */
export function editJsonObject(text: string, changes: Readonly<Record<string, unknown>>): string {
  const kept = members(text).filter(({ key }) => !Object.hasOwn(changes, key));
  const added = Object.entries(changes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${JSON.stringify(key)}: ${JSON.stringify(value, null, 2).replaceAll("\n", "\n  ")}`);
  const all = [...kept.map(({ source }) => source), ...added];
  return all.length === 0 ? "{}\n" : `{\n  ${all.join(",\n  ")}\n}\n`;
}

interface Member {
  readonly key: string;
  /** Key, colon and value as they stand. */
  readonly source: string;
}

function members(text: string): readonly Member[] {
  const found: Member[] = [];
  let depth = 0;
  let start = 0;
  let keyEnd: number | undefined;
  const finish = (end: number): void => {
    const source = text.slice(start, end).trim();
    if (keyEnd !== undefined) found.push({ key: JSON.parse(text.slice(start, keyEnd)) as string, source });
    keyEnd = undefined;
    start = end + 1;
  };
  for (let i = 0; i < text.length; i++) {
    switch (text[i]) {
      case '"': // strings are passed over whole: what is in them is no structure
        for (i++; text[i] !== '"' && i < text.length; i++) if (text[i] === "\\") i++;
        if (depth === 1) keyEnd ??= i + 1;
        break;
      case "{":
      case "[":
        if (depth++ === 0) start = i + 1;
        break;
      case "}":
      case "]":
        if (--depth === 0) finish(i);
        break;
      case ",":
        if (depth === 1) finish(i);
        break;
    }
  }
  return found;
}
