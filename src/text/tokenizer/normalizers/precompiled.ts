import { FormatError } from "../../../util/errors.ts";

/** SentencePiece's table of replacements, made from Unicode's by its trainer. */
export interface PrecompiledNormalizer {
  readonly type: "Precompiled";
  /**
   * u32 LE: bytes of the trie; the trie, a Darts-clone double array of u32 units whose keys are UTF-8; then UTF-8 texts, each with a zero
   * byte behind it. A key's value is where its text begins. (sentencepiece 0.2, src/normalizer.cc, EncodePrecompiledCharsMap)
   */
  readonly charsmap: Uint8Array;
}

const utf8 = new TextEncoder();
/** Longest key that a grapheme of several characters may have, in bytes; the reference asks for longer ones character by character. */
const longestCluster = 5;
/**
 * Stretches that hold all graphemes of several characters and at most five bytes: what may stand behind or before another character in
 * one, with a neighbour on either side. Intl.Segmenter takes a microsecond a grapheme, so it sees only these.
 */
const stretch = joiningStretches();

/**
 * As the reference: by graphemes, and for those that the table lacks by characters. A table of no bytes changes nothing. Throws
 * FormatError for a table that points outside of itself.
 */
export function createPrecompiled({ charsmap }: PrecompiledNormalizer): (text: string) => string {
  if (charsmap.length === 0) return (text) => text;
  const table = new CharsMap(charsmap);
  let segmenter: Intl.Segmenter | undefined;
  return (text) => {
    let normalized = "";
    let done = 0;
    for (const { 0: joined, index } of text.matchAll(stretch)) {
      normalized += table.replaceCharacters(text.slice(done, index));
      done = index + joined.length;
      segmenter ??= new Intl.Segmenter("und", { granularity: "grapheme" });
      for (const { segment } of segmenter.segment(joined)) {
        normalized += table.replacement(segment, longestCluster) ?? table.replaceCharacters(segment);
      }
    }
    return normalized + table.replaceCharacters(done === 0 ? text : text.slice(done));
  };
}

function joiningStretches(): RegExp {
  const joining = String.raw`\p{Grapheme_Extend}\p{M}\p{Cf}\p{Emoji_Modifier}\r\u0d4e\u1100-\u11ff\ua960-\ua97c\ud7b0-\ud7fb`;
  return new RegExp(`[^${joining}]?[${joining}]+(?:[^${joining}][${joining}]+)*[^${joining}]?`, "gu");
}

class CharsMap {
  readonly #units: Uint32Array;
  readonly #texts: Uint8Array;
  readonly #cache = new Map<string, string | undefined>();
  readonly #key = new Uint8Array(8);

  constructor(bytes: Uint8Array) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const trieBytes = bytes.byteLength < 4 ? 0 : view.getUint32(0, true);
    if (trieBytes === 0 || trieBytes % 4 !== 0 || trieBytes > bytes.byteLength - 4) {
      throw new FormatError(
        `precompiled_charsmap: has ${bytes.byteLength} bytes and claims ${trieBytes} of them for its trie`,
      );
    }
    this.#units = Uint32Array.from({ length: trieBytes / 4 }, (_, i) => view.getUint32(4 + 4 * i, true));
    this.#texts = bytes.subarray(4 + trieBytes);
    if (this.#texts.at(-1) !== 0) throw new FormatError("precompiled_charsmap: its last text has no end");
    this.#check();
  }

  replaceCharacters(text: string): string {
    let replaced = "";
    let done = 0;
    for (let i = 0; i < text.length;) {
      const end = i + ((text.codePointAt(i) ?? 0) > 0xffff ? 2 : 1);
      const replacement = this.replacement(text.slice(i, end), 4);
      if (replacement !== undefined) {
        replaced += text.slice(done, i) + replacement;
        done = end;
      }
      i = end;
    }
    return done === 0 ? text : replaced + text.slice(done);
  }

  /** What a character or grapheme of at most `maxBytes` becomes; undefined: the table lacks it. */
  replacement(key: string, maxBytes: number): string | undefined {
    if (key.length > maxBytes) return undefined;
    const known = this.#cache.get(key);
    if (known !== undefined || this.#cache.has(key)) return known;
    const { read, written } = utf8.encodeInto(key, this.#key);
    const found = read < key.length || written > maxBytes ? undefined : this.#lookUp(written);
    if (this.#cache.size >= 2 ** 14) this.#cache.clear();
    this.#cache.set(key, found);
    return found;
  }

  /** The text of the shortest key that the bytes begin with: so the reference, which asks for the key itself and takes the first answer. */
  #lookUp(length: number): string | undefined {
    const units = this.#units;
    let position = offset(units[0]);
    for (let i = 0; i < length; i++) {
      if (this.#key[i] === 0) return undefined;
      position ^= this.#key[i];
      if (position >= units.length || label(units[position]) !== this.#key[i]) return undefined;
      const unit = units[position];
      position ^= offset(unit);
      if (hasLeaf(unit)) return this.#text(units[position] & 0x7fffffff);
    }
    return undefined;
  }

  #text(start: number): string {
    return new TextDecoder().decode(this.#texts.subarray(start, this.#texts.indexOf(0, start)));
  }

  /** Every leaf must lie in the trie, and every text behind it. That other units lie in it is seen at every step. */
  #check(): void {
    const units = this.#units;
    for (let i = 0; i < units.length; i++) {
      const isNode = label(units[i]) <= 0xff;
      if (!isNode || !hasLeaf(units[i])) continue;
      const leaf = i ^ offset(units[i]);
      if (leaf >= units.length || (units[leaf] & 0x7fffffff) >= this.#texts.length) {
        throw new FormatError(`precompiled_charsmap: unit ${i} of its trie points outside of it or of the texts`);
      }
    }
  }
}

/** Darts-clone's units: bits 0-7 the label, 8 whether a leaf follows, 9 whether the offset is shifted by 8, 10-30 the offset, 31 a leaf. */
const hasLeaf = (unit: number): boolean => (unit & 0x100) !== 0;
const label = (unit: number): number => (unit & 0x800000ff) >>> 0;
const offset = (unit: number): number => ((unit >>> 10) << ((unit & 0x200) >>> 6)) >>> 0;
