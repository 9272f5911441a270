import { asUint16 } from "../../util/bytes.ts";
import { FormatError } from "../../util/errors.ts";
import { quote } from "../../util/quote.ts";
import { streamWords } from "../../weights/lsb-stream.ts";
import { mixedBits, type MixedGroup } from "../../weights/mixed-groups.ts";
import type { Exl2Shapes } from "./read-shapes.ts";

/**
 * The groups of q_groups, pairs of a width and the first row of words. How many inputs a group has follows from its words, but for the last,
 * which has what is left. Throws FormatError where that is no sequence of groups that fills the words.
 */
export function readGroups(
  module: string,
  bytes: Uint8Array,
  { inFeatures, words }: Exl2Shapes,
): readonly MixedGroup[] {
  const pairs = asUint16(bytes);
  const fail = (g: number, problem: string): never => {
    throw new FormatError(`${quote(module)}: group ${g} of q_groups ${problem}`);
  };
  const found: MixedGroup[] = [];
  let left = inFeatures;
  for (let i = 0, g = 0; i < pairs.length; i += 2, g++) {
    const [declared, first] = [pairs[i], pairs[i + 1]];
    const isLast = i + 2 === pairs.length;
    const taken = (isLast ? words : pairs[i + 3]) - first;
    const bits = mixedBits.find((known) => known === declared);
    if (bits === undefined) return fail(g, `has ${declared} bit; accepted: ${mixedBits.join(", ")}`);
    if (g === 0 && first !== 0) fail(g, `begins at row ${first} of words, not at 0`);
    if (taken < 1) fail(g, `begins at row ${first} of ${words}, and the next does not lie behind it`);
    const inputs = isLast ? left : (32 * taken) / bits;
    if (!Number.isInteger(inputs))
      fail(g, `has ${taken} rows of words, which hold no whole number of ${bits}-bit codes`);
    if (inputs < 1 || inputs > left) fail(g, `has ${inputs} inputs where ${left} of ${inFeatures} are left`);
    if (isLast && streamWords(bits, inputs) !== taken)
      fail(
        g,
        `has ${taken} rows of words for the ${inputs} inputs that are left; ${bits}-bit codes need ${streamWords(bits, inputs)}`,
      );
    found.push({ bits, inputs });
    left -= inputs;
  }
  return found;
}
