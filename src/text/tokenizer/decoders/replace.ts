import { FormatError } from "../../../util/errors.ts";
import type { StepBudget } from "../../../util/step-budget.ts";
import { WholeTokenStage, type DecoderStage, type TokenSink } from "./decoder-stage.ts";

/** To one part of a token: what several decoders in a row make of it would otherwise be their product. */
const mostAdded = 2 ** 24;

/** Of a literal: of a token that comes in parts only what may be the beginning of it waits. */
export class ReplaceLiteralStage implements DecoderStage {
  declare next: TokenSink;
  readonly #literal: string;
  readonly #content: string;
  #waiting = "";

  constructor(literal: string, content: string) {
    this.#literal = literal;
    this.#content = content;
  }

  write(part: string): void {
    const parts = (this.#waiting + part).split(this.#literal);
    if ((parts.length - 1) * this.#content.length > mostAdded) {
      throw new FormatError(`decoder: Replace adds more than ${mostAdded} characters to a token`);
    }
    const last = parts.at(-1) ?? "";
    const begun = this.#beginning(last);
    parts[parts.length - 1] = last.slice(0, last.length - begun);
    this.#waiting = last.slice(last.length - begun);
    this.next.write(parts.join(this.#content));
  }

  end(): void {
    this.next.write(this.#waiting);
    this.#waiting = "";
    this.next.end();
  }

  finish(): void {
    this.next.finish();
  }

  /** Length of the longest end of a text that the literal begins with. */
  #beginning(text: string): number {
    let length = Math.min(this.#literal.length - 1, text.length);
    while (length > 0 && !text.endsWith(this.#literal.slice(0, length))) length--;
    return length;
  }
}

export class ReplaceStage extends WholeTokenStage {
  readonly #replace: (text: string, budget: StepBudget) => string;
  readonly #budget: (text: string) => StepBudget;

  constructor(replace: (text: string, budget: StepBudget) => string, budget: (text: string) => StepBudget) {
    super();
    this.#replace = replace;
    this.#budget = budget;
  }

  protected take(token: string): void {
    this.give(this.#replace(token, this.#budget(token)));
  }
}
