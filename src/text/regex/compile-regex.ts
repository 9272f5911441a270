import { BacktrackingRegex } from "./backtracking-regex.ts";
import { wordCharacters } from "./character-classes.ts";
import { lowerRegex } from "./lower-regex.ts";
import { parseRegex } from "./parse-regex.ts";
import type { Regex, RegexOptions } from "./regex.ts";

/**
 * Compiles a pattern from a file or a request. Takes bounded time whatever the pattern is, and so does every match by its
 * budget. Throws FormatError where the pattern is malformed, UnsupportedError where it is too large or uses what this engine
 * lacks: references to groups, conditions, recursion, grapheme clusters, look-behind without a bound.
 */
export function compileRegex(pattern: string, options: RegexOptions = {}): Regex {
  const { dialect = "rust", caseInsensitive = false } = options;
  const { tree, groupCount } = parseRegex(pattern, dialect, caseInsensitive);
  const lowerOptions = { pattern, wordCharacters: () => wordCharacters(dialect, false) };
  const plain = lowerRegex(tree, { ...lowerOptions, groupCount: 0 });
  const capturing = groupCount === 0 ? plain : lowerRegex(tree, { ...lowerOptions, groupCount });
  return new BacktrackingRegex(pattern, { plain, capturing });
}
