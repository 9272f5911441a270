import { FormatError } from "../../util/errors.ts";
import { StepBudget } from "../../util/step-budget.ts";

const baseSteps = 2 ** 22;
/** Real tokenizers need fewer than twenty. */
const stepsPerCharacter = 256;

/**
 * What the components of a tokenizer may spend on a text, regular expressions above all, and the characters that they add to it: a few
 * seconds at worst, for a million characters.
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
