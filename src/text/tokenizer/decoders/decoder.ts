import { FormatError } from "../../../util/errors.ts";
import { budgetFor } from "../budget.ts";
import { createReplace } from "../normalizers/replace.ts";
import type { Pattern } from "../pattern.ts";
import { BpeSuffixStage, type BpeDecoder } from "./bpe-suffix.ts";
import { ByteFallbackStage } from "./byte-fallback.ts";
import { ByteLevelStage } from "./byte-level.ts";
import { CtcStage, type CtcDecoder } from "./ctc.ts";
import type { DecoderStage } from "./decoder-stage.ts";
import { FuseStage } from "./fuse.ts";
import { MetaspaceStage, type MetaspaceDecoder } from "./metaspace.ts";
import { ReplaceLiteralStage, ReplaceStage } from "./replace.ts";
import { SpacedStage } from "./spaced.ts";
import { StripStage, type StripDecoder } from "./strip.ts";
import { WordPieceStage, type WordPieceDecoder } from "./word-piece.ts";

/** Turns tokens into text. The kinds and their names are those of tokenizer.json. */
export type Decoder =
  | { readonly type: "ByteLevel" }
  | { readonly type: "ByteFallback" }
  | { readonly type: "Fuse" }
  | MetaspaceDecoder
  | WordPieceDecoder
  | BpeDecoder
  | CtcDecoder
  | StripDecoder
  | ReplaceDecoder
  | DecoderSequence;

export interface ReplaceDecoder {
  readonly type: "Replace";
  readonly pattern: Pattern;
  readonly content: string;
}

export interface DecoderSequence {
  readonly type: "Sequence";
  readonly decoders: readonly Decoder[];
}

export interface StageOptions {
  /** Whether text is wanted as early as can be, or all at once. */
  readonly isStream: boolean;
}

type MakeStages = (options: StageOptions) => readonly DecoderStage[];

/** Each calls the next one; real decoders have four. */
const maxStages = 64;

/**
 * Prepares a decoder once; what it gives makes the stages for one text, in order. Throws FormatError or UnsupportedError for a regular
 * expression that cannot be compiled, FormatError for too many stages. A tokenizer without a decoder sets its tokens apart by spaces.
 */
export function createDecode(decoder: Decoder | undefined): MakeStages {
  const makers = decoder === undefined ? [() => new SpacedStage()] : stageMakers(decoder);
  if (makers.length > maxStages)
    throw new FormatError(`decoder: has ${makers.length} parts; at most ${maxStages} are taken`);
  return (options) => makers.map((make) => make(options));
}

type MakeStage = (options: StageOptions) => DecoderStage;

function stageMakers(decoder: Decoder): readonly MakeStage[] {
  return decoder.type === "Sequence" ? decoder.decoders.flatMap(stageMakers) : [stageMaker(decoder)];
}

function stageMaker(decoder: Exclude<Decoder, DecoderSequence>): MakeStage {
  switch (decoder.type) {
    case "ByteLevel":
      return () => new ByteLevelStage();
    case "ByteFallback":
      return ({ isStream }) => new ByteFallbackStage(isStream);
    case "Fuse":
      return () => new FuseStage();
    case "Metaspace":
      return () => new MetaspaceStage(decoder);
    case "WordPiece":
      return () => new WordPieceStage(decoder);
    case "BPEDecoder":
      return () => new BpeSuffixStage(decoder);
    case "CTC":
      return () => new CtcStage(decoder);
    case "Strip":
      return () => new StripStage(decoder);
    case "Replace": {
      const { pattern, content } = decoder;
      if ("literal" in pattern && pattern.literal.length <= longestStreamedLiteral && pattern.literal !== "") {
        return () => new ReplaceLiteralStage(pattern.literal, content);
      }
      const replace = createReplace(pattern, content);
      return () => new ReplaceStage(replace, budgetFor);
    }
  }
}

/** A longer one is looked for in whole tokens only: its beginnings are compared with every end of a part. */
const longestStreamedLiteral = 64;
