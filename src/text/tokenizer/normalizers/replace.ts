import { FormatError } from "../../../util/errors.ts";
import type { StepBudget } from "../../../util/step-budget.ts";
import { createFinder, forEachMatch, type Pattern } from "../pattern.ts";

/** A text that grows beyond this is an attack: a component that replaces each character by a page. */
const maxTextLength = 2 ** 28;

/** Replaces every match by `content`, taken as it is. Throws FormatError when the text grows beyond all measure. */
export function createReplace(pattern: Pattern, content: string): (text: string, budget: StepBudget) => string {
  if ("literal" in pattern) {
    const { literal } = pattern;
    if (literal === "") return (text) => text;
    return (text) => {
      if (!text.includes(literal)) return text;
      if (content.length <= literal.length) return text.replaceAll(literal, () => content);
      const parts = text.split(literal);
      requireLength(text.length + parts.length * content.length);
      return parts.join(content);
    };
  }
  const finder = createFinder(pattern);
  return (text, budget) => {
    if (text === "") return ""; // also where the pattern matches nothing at all
    const parts: string[] = [];
    let done = 0;
    let length = 0;
    forEachMatch(finder, text, budget, (start, end) => {
      parts.push(text.slice(done, start), content);
      done = end;
      requireLength((length += start - done + content.length));
    });
    return parts.length === 0 ? text : parts.join("") + text.slice(done);
  };
}

function requireLength(length: number): void {
  if (length > maxTextLength) throw new FormatError(`Replace: the text grows to more than ${maxTextLength} characters`);
}
