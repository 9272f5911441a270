/** Python's strings are sequences of code points; JavaScript's are of UTF-16 units, which differ where there are surrogates. */

const surrogate = /[\ud800-\udfff]/;

export function hasSurrogates(text: string): boolean {
  return surrogate.test(text);
}

export function lengthOfText(text: string): number {
  if (!hasSurrogates(text)) return text.length;
  let length = 0;
  for (let i = 0; i < text.length; i += text.codePointAt(i)! > 0xffff ? 2 : 1) length++;
  return length;
}

/** Code points before a UTF-16 offset. */
export function codePointIndex(text: string, offset: number): number {
  return lengthOfText(text.slice(0, offset));
}

/** Where each code point begins, and the end; undefined where that is the offset itself. */
export function offsetsOf(text: string): readonly number[] | undefined {
  if (!hasSurrogates(text)) return undefined;
  const offsets: number[] = [];
  for (let i = 0; i < text.length; i += text.codePointAt(i)! > 0xffff ? 2 : 1) offsets.push(i);
  offsets.push(text.length);
  return offsets;
}

/** The order of Python: by code point. */
export function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  const isPlain = !hasSurrogates(a) && !hasSurrogates(b);
  if (isPlain) return a < b ? -1 : 1;
  let i = 0;
  while (i < a.length && i < b.length && a.charCodeAt(i) === b.charCodeAt(i)) i++;
  return order(a, i) - order(b, i);
}

/** Units from 0xe000 on are code points below all that surrogates stand for. */
function order(text: string, offset: number): number {
  if (offset >= text.length) return -1;
  const unit = text.charCodeAt(offset);
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
