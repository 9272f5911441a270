import type { Allowance } from "./allowance.ts";
import { applySign, arithmetic } from "./arithmetic.ts";
import { getAttribute, getItem } from "./attributes.ts";
import { callBuiltin } from "./builtin.ts";
import { compare, contains, equals } from "./compare-values.ts";
import { toText } from "./print-value.ts";
import type { Scope } from "./scope.ts";
import { iterate, slice } from "./sequences.ts";
import type { CallArguments, CompareOperator, Expression, Step } from "./syntax.ts";
import { renderError, shown } from "./template-errors.ts";
import {
  Dict,
  isTrue,
  TemplateObject,
  Tuple,
  typeName,
  Undefined,
  undefinedName,
  type Arguments,
  type Value,
} from "./values.ts";
import { filters, tests } from "./vocabulary.ts";

const noNames: ReadonlyMap<string, Value> = new Map();

/** The values of expressions. All methods throw RequestError for what a template does wrong or asks too much of. */
export class Evaluator {
  readonly #allowance: Allowance;

  constructor(allowance: Allowance) {
    this.#allowance = allowance;
  }

  evaluate(expression: Expression, scope: Scope): Value {
    if (expression.kind === "constant") return expression.value;
    if (expression.kind === "name") {
      const value = scope.get(expression.name);
      return value === undefined ? undefinedName(expression.name) : value;
    }
    this.#allowance.spend();
    this.#allowance.enter();
    const value = this.#evaluateNested(expression, scope);
    this.#allowance.leave();
    return value;
  }

  #evaluateNested(expression: Exclude<Expression, { readonly kind: "constant" | "name" }>, scope: Scope): Value {
    switch (expression.kind) {
      case "chain":
        return this.applySteps(this.evaluate(expression.base, scope), expression.steps, scope);
      case "conditional":
        if (isTrue(this.evaluate(expression.condition, scope))) return this.evaluate(expression.then, scope);
        if (expression.otherwise !== undefined) return this.evaluate(expression.otherwise, scope);
        return new Undefined(() => "an inline if was false, and has no else");
      case "and":
      case "or":
        return this.#evaluateLogic(expression.operands, expression.kind === "or", scope);
      case "not":
        return !isTrue(this.evaluate(expression.operand, scope));
      case "compare":
        return this.#evaluateComparison(expression, scope);
      case "arithmetic": {
        let value = this.evaluate(expression.first, scope);
        for (const { operator, operand } of expression.rest)
          value = arithmetic(this.#allowance, operator, value, this.evaluate(operand, scope));
        return value;
      }
      case "concat":
        return this.#evaluateConcat(expression.operands, scope);
      case "sign":
        return applySign(expression.operator, this.evaluate(expression.operand, scope));
      case "list":
        return this.#evaluateAll(expression.items, scope);
      case "tuple":
        return new Tuple(this.#evaluateAll(expression.items, scope));
      case "dict": {
        this.#allowance.spendElements(4 * expression.entries.length);
        const dict = new Dict();
        for (const [key, value] of expression.entries) dict.set(this.evaluate(key, scope), this.evaluate(value, scope));
        return dict;
      }
    }
  }

  #evaluateAll(items: readonly Expression[], scope: Scope): Value[] {
    this.#allowance.spendElements(items.length);
    return items.map((item) => this.evaluate(item, scope));
  }

  /** The first operand that decides, or the last. */
  #evaluateLogic(operands: readonly Expression[], deciding: boolean, scope: Scope): Value {
    let value: Value = null;
    for (const operand of operands) {
      this.#allowance.spend();
      value = this.evaluate(operand, scope);
      if (isTrue(value) === deciding) return value;
    }
    return value;
  }

  #evaluateConcat(operands: readonly Expression[], scope: Scope): string {
    let text = "";
    for (const operand of operands) {
      const part = toText(this.#allowance, this.evaluate(operand, scope));
      this.#allowance.spendText(part.length);
      text += part;
    }
    this.#allowance.spendText(text.length);
    return text;
  }

  #evaluateComparison({ first, rest }: Extract<Expression, { readonly kind: "compare" }>, scope: Scope): boolean {
    let left = this.evaluate(first, scope);
    for (const { operator, operand } of rest) {
      const right = this.evaluate(operand, scope);
      if (!this.#holds(operator, left, right)) return false;
      left = right;
    }
    return true;
  }

  #holds(operator: CompareOperator, a: Value, b: Value): boolean {
    switch (operator) {
      case "==":
        return equals(this.#allowance, a, b);
      case "!=":
        return !equals(this.#allowance, a, b);
      case "<":
        return compare(this.#allowance, a, b) < 0;
      case "<=":
        return compare(this.#allowance, a, b) <= 0;
      case ">":
        return compare(this.#allowance, a, b) > 0;
      case ">=":
        return compare(this.#allowance, a, b) >= 0;
      case "in":
        return contains(this.#allowance, b, a);
      case "not in":
        return !contains(this.#allowance, b, a);
    }
  }

  /** What attributes, items, calls, filters and tests make of a value, one after the other. */
  applySteps(base: Value, steps: readonly Step[], scope: Scope): Value {
    let value = base;
    for (const step of steps) value = this.#applyStep(value, step, scope);
    return value;
  }

  #applyStep(value: Value, step: Step, scope: Scope): Value {
    switch (step.kind) {
      case "attribute":
        return getAttribute(this.#allowance, value, step.name);
      case "item":
        return getItem(this.#allowance, value, this.evaluate(step.key, scope));
      case "slice":
        return this.#slice(value, step, scope);
      case "call":
        return this.call(value, this.arguments(step.arguments, scope));
      case "filter": {
        const filter = filters.get(step.name);
        if (filter === undefined) throw renderError(`there is no filter ${shown(step.name)}`);
        return callBuiltin(step.name, filter, this.#allowance, value, this.arguments(step.arguments, scope));
      }
      case "test": {
        const test = tests.get(step.name);
        if (test === undefined) throw renderError(`there is no test ${shown(step.name)}`);
        const args = this.arguments(step.arguments, scope);
        return isTrue(callBuiltin(step.name, test, this.#allowance, value, args)) !== step.isNegated;
      }
    }
  }

  #slice(value: Value, step: Extract<Step, { readonly kind: "slice" }>, scope: Scope): Value {
    if (value instanceof Undefined) throw renderError(value.problem);
    const bound = (part: Expression | undefined): Value => (part === undefined ? null : this.evaluate(part, scope));
    const part = slice(this.#allowance, value, {
      start: bound(step.start),
      stop: bound(step.stop),
      step: bound(step.step),
    });
    if (part === undefined && value instanceof Dict) throw renderError("a dict cannot be sliced");
    return part ?? new Undefined(() => `a value of type ${typeName(value)} cannot be sliced`);
  }

  /** Calls a macro or a function of the vocabulary. */
  call(callee: Value, args: Arguments): Value {
    if (callee instanceof Undefined) throw renderError(callee.problem);
    if (!(callee instanceof TemplateObject) || callee.call === undefined)
      throw renderError(`a value of type ${typeName(callee)} cannot be called`);
    this.#allowance.spend();
    return callee.call(this.#allowance, args);
  }

  /** Those of a call, with what `*` and `**` spread. */
  arguments({ positional, named, spread, spreadNamed }: CallArguments, scope: Scope): Arguments {
    if (named.length === 0 && spread === undefined && spreadNamed === undefined)
      return { positional: positional.map((value) => this.evaluate(value, scope)), named: noNames };
    const values = positional.map((value) => this.evaluate(value, scope));
    const names = new Map<string, Value>();
    for (const [name, value] of named) names.set(name, this.evaluate(value, scope));
    if (spread !== undefined) {
      for (const value of iterate(this.#allowance, this.evaluate(spread, scope))) {
        this.#allowance.spendElements(1);
        values.push(value);
      }
    }
    if (spreadNamed !== undefined) this.#spreadNames(this.evaluate(spreadNamed, scope), names);
    return { positional: values, named: names };
  }

  #spreadNames(values: Value, names: Map<string, Value>): void {
    if (!(values instanceof Dict)) throw renderError(`** takes a dict, found a value of type ${typeName(values)}`);
    for (const [name, value] of values.entries()) {
      if (typeof name !== "string")
        throw renderError(`** takes a dict of names, found a key of type ${typeName(name)}`);
      if (names.has(name)) throw renderError(`the argument ${shown(name)} is given twice`);
      this.#allowance.spendElements(1);
      names.set(name, value);
    }
  }
}
