import { FormatError } from "../../util/errors.ts";
import { StepBudget } from "../../util/step-budget.ts";

const baseSteps = 2 ** 21;
/** Real tokenizers need fewer than twenty. */
const stepsPerCharacter = 64;

/**
 * What the components of a tokenizer may spend on a text, regular expressions above all, and the characters that they add to it: a
 * second at worst, for a million characters.
 */
export function budgetFor(text: string): StepBudget {
  const steps = baseSteps + stepsPerCharacter * text.length;
  return new StepBudget(
    steps,
    () =>
      new FormatError(
        `tokenizer: a text of ${text.length} characters takes more than ${steps} steps; a regular expression or a replacement never ends`,
      ),
  );
}

/** What a component may cost that writes a text of this length anew: it allocates for each character, which takes longer than a step of a search. */
export function stepsToRewrite(length: number): number {
  return 4 * (length + 1);
}
