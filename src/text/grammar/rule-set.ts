import type { StepBudget } from "../../util/step-budget.ts";
import type { Expression } from "./expression.ts";
import { ruleCost } from "./step-costs.ts";

/** The rules of a grammar in the making. A rule is called by its number, also from within itself. */
export class RuleSet {
  readonly #rules: (Expression | undefined)[] = [];
  readonly #names: string[] = [];
  readonly #shared = new Map<string, Expression>();
  /** Of the whole compilation. */
  readonly budget: StepBudget;

  constructor(budget: StepBudget) {
    this.budget = budget;
  }

  /** A rule to be defined later; the name is for messages. */
  reserve(name: string): number {
    this.budget.spend(ruleCost);
    this.#names.push(name);
    return this.#rules.push(undefined) - 1;
  }

  define(rule: number, body: Expression): void {
    this.#rules[rule] = body;
  }

  add(name: string, body: Expression): Expression {
    const rule = this.reserve(name);
    this.define(rule, body);
    return { kind: "call", rule };
  }

  /** The one rule of this name, made when it is first asked for; `make` may ask for it too. */
  shared(name: string, make: () => Expression): Expression {
    let call = this.#shared.get(name);
    if (call === undefined) {
      const rule = this.reserve(name);
      call = { kind: "call", rule };
      this.#shared.set(name, call);
      this.define(rule, make());
    }
    return call;
  }

  nameOf(rule: number): string {
    return this.#names[rule];
  }

  /** Every rule's body; all must be defined. */
  bodies(): readonly Expression[] {
    return this.#rules.map((body, rule) => {
      if (body === undefined) throw new Error(`rule ${this.#names[rule]} was reserved and never defined`);
      return body;
    });
  }
}
