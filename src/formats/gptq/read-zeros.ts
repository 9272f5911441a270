import { asUint32 } from "../../util/bytes.ts";
import type { Warn } from "../../util/warn-once.ts";
import { streamWords } from "../../weights/lsb-stream.ts";
import type { AffineBits, PackedZeros } from "../../weights/packed-weight.ts";
import { getPlanarCode } from "../../weights/planar-stream.ts";
import { symmetricZero } from "../../weights/zero-points.ts";
import type { GptqConfig } from "./parse-config.ts";
import type { GptqShapes } from "./read-shapes.ts";

/** Words of qzeros where every zero point is 2^(b-1): one word, or the three that 32 fields of 3 bit take. */
interface SymmetricWords {
  readonly storedAs: "gptq" | "gptq_v2" | "gptq of GPTQModel before 7.0";
  readonly words: readonly number[];
}

const symmetricWords: Readonly<Record<AffineBits, readonly SymmetricWords[]>> = {
  2: [
    { storedAs: "gptq", words: [0x55555555] },
    { storedAs: "gptq_v2", words: [0xaaaaaaaa] },
  ],
  3: [
    { storedAs: "gptq", words: [0xdb6db6db, 0xb6db6db6, 0x6db6db6d] },
    { storedAs: "gptq_v2", words: [0x24924924, 0x49249249, 0x92492492] },
    { storedAs: "gptq of GPTQModel before 7.0", words: [0x00000000, 0xb6db6db7, 0x49249249] },
  ],
  4: [
    { storedAs: "gptq", words: [0x77777777] },
    { storedAs: "gptq_v2", words: [0x88888888] },
  ],
  5: [], // these widths are planar always
  6: [],
  7: [],
  8: [
    { storedAs: "gptq", words: [0x7f7f7f7f] },
    { storedAs: "gptq_v2", words: [0x80808080] },
  ],
};

/**
 * Decides by what qzeros hold whether a module is symmetric (undefined), and by the label only how asymmetric zero points
 * are stored: many files say v1 and store v2, or the reverse, which the words of a symmetric module give away; `sym` is
 * often missing, and sometimes wrong. A contradiction is warned of. With a forced convention nothing is decided.
 */
export function readZeros(
  bytes: Uint8Array,
  bits: AffineBits,
  config: GptqConfig,
  warn: Warn,
): PackedZeros | undefined {
  const { convention, conventionForced, declaredSymmetric, legacyZeros, label } = config;
  const words = asUint32(bytes);
  const symmetric = symmetricWords[bits].find((candidate) =>
    words.every((word, w) => word === candidate.words[w % candidate.words.length]),
  );
  if (symmetric) {
    const { storedAs } = symmetric;
    const isVersion2 = convention !== "gptq"; // planar zero points are those of v2
    const agrees = (storedAs === "gptq_v2") === isVersion2;
    if (agrees) return undefined;
    if (!conventionForced) {
      warn(
        `${label}: declares checkpoint format ${convention}, but symmetric zero points are stored as in ${storedAs}; ` +
          `read as ${storedAs} (--checkpoint-format overrides)`,
      );
      return undefined;
    }
  } else if (declaredSymmetric) {
    warnOfZeros(label, warn);
  }
  if (convention !== "gptq") return { bytes, order: "lsb-n" };
  return { bytes, order: bits === 3 && legacyZeros ? "lsb-n-minus-legacy" : "lsb-n-minus-one" };
}

/** Planar zero points, one a byte; undefined: the module is symmetric. Layout: weights/planar-stream.ts, along n. */
export function readPlanarZeros(
  bytes: Uint8Array,
  { bits, groups, outFeatures }: Pick<GptqShapes, "bits" | "groups" | "outFeatures">,
  { declaredSymmetric, label }: GptqConfig,
  warn: Warn,
): PackedZeros | undefined {
  const words = asUint32(bytes);
  const rowWords = streamWords(bits, outFeatures);
  const zeros = new Uint8Array(groups * outFeatures);
  for (let g = 0, i = 0; g < groups; g++) {
    for (let n = 0; n < outFeatures; n++) zeros[i++] = getPlanarCode(words, bits, n, g * rowWords);
  }
  if (zeros.every((zero) => zero === symmetricZero(bits))) return undefined;
  if (declaredSymmetric) warnOfZeros(label, warn);
  return { bytes: zeros, order: "bytes" };
}

function warnOfZeros(label: string, warn: Warn): void {
  warn(`${label}: declares symmetric weights, but zero points differ from 2^(bits - 1); read as they are stored`);
}
