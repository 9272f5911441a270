import type { StepBudget } from "../../../util/step-budget.ts";
import { createFinder, forEachMatch, type Pattern } from "../pattern.ts";

/**
 * Replaces every match by `content`, taken as it is. Steps are spent on what is put in, so that a few components that each make a page of a
 * character come to an end.
 */
export function createReplace(pattern: Pattern, content: string): (text: string, budget: StepBudget) => string {
  if ("literal" in pattern) {
    const { literal } = pattern;
    if (literal === "") return (text) => text;
    return (text, budget) => {
      if (!text.includes(literal)) return text;
      const parts = text.split(literal);
      budget.spend((parts.length - 1) * content.length);
      return parts.join(content);
    };
  }
  const finder = createFinder(pattern);
  return (text, budget) => {
    if (text === "") return ""; // also where the pattern matches nothing at all
    const parts: string[] = [];
    let done = 0;
    forEachMatch(finder, text, budget, (start, end) => {
      budget.spend(content.length);
      parts.push(text.slice(done, start), content);
      done = end;
    });
    return parts.length === 0 ? text : parts.join("") + text.slice(done);
  };
}
