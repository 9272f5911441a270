import { unitCount } from "../characters.ts";
import type { Vocabulary } from "../vocabulary.ts";
import { byteTokenIds } from "./byte-tokens.ts";
import type { Merges } from "./merges.ts";
import type { PieceEncoder } from "./piece-encoder.ts";
import { unknownId } from "./unknown-token.ts";
import { WordMerger } from "./word-merger.ts";

/** Byte pair encoding: characters, joined pair by pair in the order in which training found the pairs. */
export interface BpeModel {
  readonly type: "BPE";
  readonly vocabulary: Vocabulary;
  readonly merges: Merges;
  /** Stands for a character that the vocabulary lacks; without one it is left out. */
  readonly unknownToken: string | undefined;
  /** Before every symbol of a word but the first. */
  readonly continuingPrefix: string;
  /** Behind the last symbol of a word: "</w>". */
  readonly wordSuffix: string;
  /** Unknown characters side by side are one token. */
  readonly fusesUnknown: boolean;
  /** Whether an unknown character is written as bytes, where the vocabulary has tokens `<0x00>` for all of them. */
  readonly byteFallback: boolean;
  /** Whether a word that is a token is that token, whatever its merges say. */
  readonly ignoresMerges: boolean;
}

const utf8 = new TextEncoder();
/** Code units whose ids are kept in a table: those of the byte alphabet, and of most of Europe. */
const tableLength = 0x500;

export class BpeEncoder implements PieceEncoder {
  readonly #model: BpeModel;
  readonly #merger: WordMerger;
  readonly #byteIds: readonly (number | undefined)[];
  /** -1: the vocabulary lacks it; -2: not looked up yet. */
  readonly #ids = new Int32Array(tableLength).fill(-2);
  readonly #hasAffixes: boolean;

  constructor(model: BpeModel) {
    this.#model = model;
    this.#merger = new WordMerger(model.merges);
    this.#byteIds = model.byteFallback ? byteTokenIds(model.vocabulary) : [];
    this.#hasAffixes = model.continuingPrefix !== "" || model.wordSuffix !== "";
  }

  encode(piece: string, ids: number[]): void {
    const whole = this.#model.ignoresMerges ? this.#model.vocabulary.idOf(piece) : undefined;
    if (whole !== undefined) {
      ids.push(whole);
      return;
    }
    const symbols = this.#symbols(piece);
    if (symbols.length === 1) ids.push(symbols[0]);
    else this.#merger.merge(symbols, ids);
  }

  #symbols(piece: string): number[] {
    const { vocabulary, unknownToken, fusesUnknown } = this.#model;
    const symbols: number[] = [];
    let isUnknownPending = false;
    let unknown = -1;
    for (let i = 0, next: number; i < piece.length; i = next) {
      next = i + unitCount(piece.codePointAt(i) ?? 0);
      const id = this.#id(piece, i, next);
      if (id !== -1) {
        if (isUnknownPending) symbols.push(unknown);
        isUnknownPending = false;
        symbols.push(id);
        continue;
      }
      // An unknown token that is pending stays so, and comes behind the bytes: the reference's order.
      if (this.#pushBytes(this.#withAffixes(piece, i, next), symbols) || unknownToken === undefined) continue;
      if (unknown === -1) unknown = unknownId(vocabulary, unknownToken, piece.slice(i, next));
      if (isUnknownPending && !fusesUnknown) symbols.push(unknown);
      isUnknownPending = true;
    }
    if (isUnknownPending) symbols.push(unknown);
    return symbols;
  }

  #id(piece: string, start: number, end: number): number {
    const { vocabulary } = this.#model;
    const code = piece.charCodeAt(start);
    if (code >= tableLength || this.#hasAffixes) return vocabulary.idOf(this.#withAffixes(piece, start, end)) ?? -1;
    if (this.#ids[code] === -2) this.#ids[code] = vocabulary.idOf(piece.slice(start, end)) ?? -1;
    return this.#ids[code];
  }

  #withAffixes(piece: string, start: number, end: number): string {
    const { continuingPrefix, wordSuffix } = this.#model;
    const prefix = start > 0 ? continuingPrefix : "";
    return prefix + piece.slice(start, end) + (end === piece.length ? wordSuffix : "");
  }

  /** All bytes of the character, or none. */
  #pushBytes(character: string, symbols: number[]): boolean {
    if (this.#byteIds.length === 0) return false;
    const ids = Array.from(utf8.encode(character), (byte) => this.#byteIds[byte]);
    if (ids.includes(undefined)) return false;
    for (const id of ids) if (id !== undefined) symbols.push(id);
    return true;
  }
}
