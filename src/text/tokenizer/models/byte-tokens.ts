import type { Vocabulary } from "../vocabulary.ts";

/** The ids of `<0x00>` to `<0xFF>`, undefined for those that the vocabulary lacks. */
export function byteTokenIds(vocabulary: Vocabulary): readonly (number | undefined)[] {
  return Array.from({ length: 256 }, (_, byte) =>
    vocabulary.idOf(`<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`),
  );
}
