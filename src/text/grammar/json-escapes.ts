import { CodePointSet } from "../regex/code-point-set.ts";

/** What cannot stand for itself in a JSON string (RFC 8259, 7). */
export const mustBeEscaped = CodePointSet.fromRanges([
  [0, 0x1f],
  [0x22, 0x22],
  [0x5c, 0x5c],
]);

/** The spelling of one of `mustBeEscaped`, as JSON.stringify has it. */
export function shortestEscape(codePoint: number): string {
  return JSON.stringify(String.fromCodePoint(codePoint)).slice(1, -1);
}
