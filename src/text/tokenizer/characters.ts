/** Classes of characters by code point, as the reference's Rust has them. ASCII, nearly all of most texts, is answered first. */

/** `char::is_whitespace` and `\s`. */
export function isWhitespace(code: number): boolean {
  if (code < 0x80) return code === 0x20 || (code >= 0x09 && code <= 0x0d);
  return (code === 0x85 || code === 0xa0 || code >= 0x1680) && /^\p{White_Space}$/u.test(String.fromCodePoint(code));
}

/** `\w` of the regex crate. */
export function isWordCharacter(code: number): boolean {
  if (code < 0x80) return isAsciiAlphanumeric(code) || code === 0x5f;
  return /^[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]$/u.test(String.fromCodePoint(code));
}

/** `char::is_numeric`: also fractions, Roman numerals, circled digits. */
export function isNumeric(code: number): boolean {
  if (code < 0x80) return code >= 0x30 && code <= 0x39;
  return /^\p{N}$/u.test(String.fromCodePoint(code));
}

/** Punctuation, and every ASCII character that is printable and no letter, digit or space: `$ + ^` too. */
export function isPunctuation(code: number): boolean {
  if (code < 0x80) return code > 0x20 && code < 0x7f && !isAsciiAlphanumeric(code);
  return /^\p{P}$/u.test(String.fromCodePoint(code));
}

function isAsciiAlphanumeric(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a);
}

/** The code point that ends before `index`, which is not 0. */
export function codePointBefore(text: string, index: number): number {
  const low = text.charCodeAt(index - 1);
  const isPair = low >= 0xdc00 && low <= 0xdfff && index > 1;
  return isPair ? (text.codePointAt(index - 2) ?? low) : low;
}

/** How many UTF-16 units a code point has. */
export function unitCount(code: number): 1 | 2 {
  return code > 0xffff ? 2 : 1;
}
