import { StepBudget } from "../../util/step-budget.ts";
import { renderError } from "./template-errors.ts";

/** Of one rendering. */
export interface Limits {
  /** A step is about what it takes to evaluate one operator, under 100 ns. */
  readonly steps: number;
  /** All that is built during the rendering, kept or not. */
  readonly bytes: number;
}

/** Expressions, bodies, calls and nested values inside of each other. JavaScript's stack holds some ten times as many. */
const mostLevels = 400;
const bytesPerCharacter = 2;
const bytesPerElement = 16;
/** Characters that a string function of JavaScript passes over in the time of one step. */
const charactersPerStep = 64;

/** What one rendering may still use. Whoever does work says so here before doing it. */
export class Allowance {
  readonly #steps: StepBudget;
  readonly #limits: Limits;
  #bytesLeft: number;
  #level = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
    this.#bytesLeft = limits.bytes;
    this.#steps = new StepBudget(limits.steps, () =>
      renderError(`the template takes more than ${limits.steps} steps; loops may be too long or too deep`),
    );
  }

  /** Throws RequestError when no more are left, as all that follow here. */
  spend(steps = 1): void {
    this.#steps.spend(steps);
  }

  /** Before a text of this length is made. */
  spendText(length: number): void {
    this.spend(1 + length / charactersPerStep);
    this.#spendBytes(length * bytesPerCharacter);
  }

  /** Before a text of this length is read through. */
  spendReading(length: number): void {
    this.spend(1 + length / charactersPerStep);
  }

  /** Before a text is searched. A long pattern that nearly fits everywhere takes the engine some 250 looks at each place, but not more. */
  spendSearch(length: number, patternLength: number): void {
    this.spend(1 + length / charactersPerStep + (length * Math.min(patternLength, 256)) / 100);
  }

  /** Before a list, tuple or dict of this many elements is made. */
  spendElements(count: number): void {
    this.spend(1 + count / 4);
    this.#spendBytes(count * bytesPerElement);
  }

  /** A text that was made. For what is longer than its parts by a bounded factor only. */
  made(text: string): string {
    this.spendText(text.length);
    return text;
  }

  /** Runs a step of a recursion. */
  nested<T>(action: () => T): T {
    this.enter();
    const result = action();
    this.leave();
    return result;
  }

  /** Begins a step of a recursion, as `nested` does. A failure ends the rendering, so only the good way out needs to leave. */
  enter(): void {
    if (++this.#level > mostLevels)
      throw renderError(`more than ${mostLevels} calls, blocks or values are inside of each other`);
  }

  leave(): void {
    this.#level--;
  }

  /** Collects values, each with its cost. */
  toList<T>(values: Iterable<T>): T[] {
    const list: T[] = [];
    for (const value of values) {
      this.spendElements(1);
      list.push(value);
    }
    return list;
  }

  #spendBytes(bytes: number): void {
    this.#bytesLeft -= bytes;
    if (!(this.#bytesLeft >= 0))
      throw renderError(`the template builds more than ${this.#limits.bytes} bytes of text and lists`);
  }
}
