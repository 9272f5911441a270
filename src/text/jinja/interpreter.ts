import type { Allowance } from "./allowance.ts";
import { Evaluator } from "./evaluator.ts";
import { LoopContext, type LoopValues } from "./loop-context.ts";
import { Macro } from "./macro.ts";
import { toText } from "./print-value.ts";
import { Scope } from "./scope.ts";
import { iterate, listOf } from "./sequences.ts";
import type { Expression, ForLoop, MacroDefinition, Statement, Target } from "./syntax.ts";
import { renderError, shown } from "./template-errors.ts";
import { isTrue, Namespace, Range, type Value } from "./values.ts";

/** How a body ended: by itself, or by a statement for the loop around it. */
type Ending = "break" | "continue" | undefined;

/** What it takes to make a scope and fill it. */
const stepsOfScope = 8;

/** Renders a parsed template once. */
export class Interpreter {
  readonly #allowance: Allowance;
  readonly #evaluator: Evaluator;
  /** Names that the template sets outside of all blocks. */
  readonly #top: Scope;
  #line = 1;

  constructor(allowance: Allowance, variables: Scope) {
    this.#allowance = allowance;
    this.#evaluator = new Evaluator(allowance);
    this.#top = new Scope(variables);
  }

  /** Of the statement that is being rendered. */
  get line(): number {
    return this.#line;
  }

  /** Throws RequestError for what the template does wrong, asks too much of, or refuses. */
  render(template: readonly Statement[]): string {
    return this.#capture(template, this.#top);
  }

  #capture(body: readonly Statement[], scope: Scope): string {
    const output: string[] = [];
    this.#execute(body, scope, output);
    return output.join("");
  }

  #execute(body: readonly Statement[], scope: Scope, output: string[]): Ending {
    this.#allowance.enter();
    for (const statement of body) {
      const ending = this.#executeOne(statement, scope, output);
      if (ending === undefined) continue;
      this.#allowance.leave();
      return ending;
    }
    this.#allowance.leave();
    return undefined;
  }

  #executeOne(statement: Statement, scope: Scope, output: string[]): Ending {
    this.#allowance.spend();
    if (statement.kind === "text") {
      this.#write(statement.text, output);
      return undefined;
    }
    this.#line = statement.line;
    switch (statement.kind) {
      case "output":
        this.#write(toText(this.#allowance, this.#evaluator.evaluate(statement.value, scope)), output);
        return undefined;
      case "if": {
        const branch = statement.branches.find(({ condition }) => isTrue(this.#evaluator.evaluate(condition, scope)));
        return this.#execute(branch?.body ?? statement.otherwise, scope, output);
      }
      case "for":
        this.#loop(statement, this.#evaluator.evaluate(statement.iterable, scope), scope, output, 0);
        return undefined;
      case "set":
        this.#assign(statement.target, this.#evaluator.evaluate(statement.value, scope), scope);
        return undefined;
      case "set-block": {
        const text = this.#capture(statement.body, new Scope(scope));
        this.#assign(statement.target, this.#evaluator.applySteps(text, statement.filters, scope), scope);
        return undefined;
      }
      case "with": {
        const inner = new Scope(scope);
        for (const [i, target] of statement.targets.entries())
          this.#assign(target, this.#evaluator.evaluate(statement.values[i], scope), inner);
        return this.#execute(statement.body, inner, output);
      }
      case "macro":
        scope.set(statement.macro.name, this.#macro(statement.macro, scope));
        return undefined;
      case "call-block":
        this.#write(toText(this.#allowance, this.#callBlock(statement.call, statement.caller, scope)), output);
        return undefined;
      case "filter-block": {
        const text = this.#capture(statement.body, new Scope(scope));
        this.#write(toText(this.#allowance, this.#evaluator.applySteps(text, statement.filters, scope)), output);
        return undefined;
      }
      case "scope":
        return this.#execute(statement.body, new Scope(statement.isBlock ? this.#top : scope), output);
      case "break":
      case "continue":
        return statement.kind;
    }
  }

  #write(text: string, output: string[]): void {
    this.#allowance.spendText(text.length);
    output.push(text);
  }

  #loop(loop: ForLoop, iterable: Value, scope: Scope, output: string[], depth: number): void {
    const values = this.#loopValues(loop, iterable, scope);
    const recurse = (inner: Value): Value => {
      const line = this.#line;
      const text: string[] = [];
      this.#loop(loop, inner, scope, text, depth + 1);
      this.#line = line;
      return text.join("");
    };
    const context = new LoopContext(values, depth, loop.isRecursive ? recurse : undefined);
    for (; context.index < values.length; context.index++) {
      this.#allowance.spend(stepsOfScope);
      const inner = new Scope(scope, new Map([["loop", context]]));
      this.#assign(loop.target, values.at(context.index) as Value, inner);
      if (this.#execute(loop.body, inner, output) === "break") break;
    }
    if (values.length === 0) this.#execute(loop.otherwise, new Scope(scope), output);
  }

  /** All of them, or those that the loop's condition keeps. */
  #loopValues({ target, condition }: ForLoop, iterable: Value, scope: Scope): LoopValues {
    if (condition === undefined) return iterable instanceof Range ? iterable : listOf(this.#allowance, iterable);
    const kept: Value[] = [];
    for (const value of iterate(this.#allowance, iterable)) {
      this.#allowance.spend(stepsOfScope);
      const inner = new Scope(scope);
      this.#assign(target, value, inner);
      if (!isTrue(this.#evaluator.evaluate(condition, inner))) continue;
      this.#allowance.spendElements(1);
      kept.push(value);
    }
    return kept;
  }

  #assign(target: Target, value: Value, scope: Scope): void {
    switch (target.kind) {
      case "name":
        scope.set(target.name, value);
        return;
      case "attribute": {
        const namespace = scope.get(target.name);
        if (!(namespace instanceof Namespace))
          throw renderError(`${shown(target.name)} is no namespace, so its attributes cannot be set`);
        this.#allowance.spendElements(1);
        namespace.set(target.attribute, value);
        return;
      }
      case "tuple": {
        const values = listOf(this.#allowance, value);
        if (values.length !== target.items.length)
          throw renderError(`${target.items.length} names are given to a value of ${values.length} elements`);
        for (const [i, item] of target.items.entries()) this.#assign(item, values[i], scope);
      }
    }
  }

  #macro(definition: MacroDefinition, scope: Scope): Macro {
    return new Macro(definition, (names) => {
      this.#allowance.spend(stepsOfScope);
      const line = this.#line;
      const inner = new Scope(scope, names);
      for (const { name, fallback } of definition.parameters) {
        if (!names.has(name) && fallback !== undefined) inner.set(name, this.#evaluator.evaluate(fallback, inner));
      }
      const text = this.#capture(definition.body, inner);
      this.#line = line;
      return text;
    });
  }

  /** The call of a macro, with the body of the block as its `caller`. */
  #callBlock(call: Expression, definition: MacroDefinition, scope: Scope): Value {
    if (call.kind !== "chain") throw new TypeError("the parser lets only calls into call blocks");
    const callee = this.#evaluator.applySteps(
      this.#evaluator.evaluate(call.base, scope),
      call.steps.slice(0, -1),
      scope,
    );
    const last = call.steps[call.steps.length - 1];
    if (last.kind !== "call") throw new TypeError("the parser lets only calls into call blocks");
    const { positional, named } = this.#evaluator.arguments(last.arguments, scope);
    const caller = this.#macro(definition, scope);
    return this.#evaluator.call(callee, { positional, named: new Map([...named, ["caller", caller]]) });
  }
}
