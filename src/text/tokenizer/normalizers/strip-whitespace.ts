import { codePointBefore, isWhitespace } from "../characters.ts";

/** Not String.trim, which takes U+FEFF too and leaves U+0085. */
export function stripWhitespace(text: string, sides: { readonly left: boolean; readonly right: boolean }): string {
  let start = 0;
  let end = text.length;
  // No white space has two units.
  if (sides.left) while (start < end && isWhitespace(text.charCodeAt(start))) start++;
  if (sides.right) while (end > start && isWhitespace(codePointBefore(text, end))) end--;
  return text.slice(start, end);
}
