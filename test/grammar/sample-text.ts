import type { GrammarMatcher } from "../../src/text/grammar/grammar-matcher.ts";
import type { TokenBytes } from "../../src/text/grammar/token-bytes.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Draws tokens that the matcher allows until the text may end; towards the end of `maxTokens` short tokens are preferred, so that
 * what is open gets closed. Undefined: there was no end by then. Throws where no token is allowed.
 */
export function sampleText(
  matcher: GrammarMatcher,
  { bytes, starts }: TokenBytes,
  random: (below: number) => number,
  maxTokens: number,
): string | undefined {
  const text: number[] = [];
  for (let count = 0; count < maxTokens; count++) {
    if (matcher.isComplete || (matcher.accepts && random(maxTokens) <= count))
      return utf8.decode(Uint8Array.from(text));
    const ids = allowedIds(matcher.allowed);
    if (ids.length === 0)
      throw new Error(`no token may follow after ${new TextDecoder().decode(Uint8Array.from(text))}`);
    const wantsEnd = random(maxTokens) < 4 * count;
    const closing = wantsEnd
      ? ids.filter((id) => starts[id + 1] - starts[id] === 1 && closers.has(bytes[starts[id]]))
      : [];
    const from = closing.length > 0 ? closing : ids;
    const id = from[random(from.length)];
    text.push(...bytes.subarray(starts[id], starts[id + 1]));
    matcher.accept(id);
  }
  return undefined;
}

const closers: ReadonlySet<number> = new Set(Array.from('"]}0n', (character) => character.charCodeAt(0)));

function allowedIds(words: Uint32Array): number[] {
  const ids: number[] = [];
  for (const [i, word] of words.entries())
    for (let rest = word; rest !== 0; rest = (rest & (rest - 1)) >>> 0)
      ids.push(32 * i + 31 - Math.clz32(rest & -rest));
  return ids;
}
