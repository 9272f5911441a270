import { applySign, arithmetic } from "./arithmetic.ts";
import { getAttribute, getItem } from "./attributes.ts";
import { callBuiltin } from "./builtin.ts";
import { compare, contains, equals } from "./compare-values.ts";
import { LoopContext, type LoopValues } from "./loop-context.ts";
import { Macro } from "./macro.ts";
import { toText } from "./print-value.ts";
import type { Allowance } from "./allowance.ts";
import { Scope } from "./scope.ts";
import { iterate, listOf, slice } from "./sequences.ts";
import type {
  CallArguments,
  CompareOperator,
  Expression,
  ForLoop,
  MacroDefinition,
  Statement,
  Step,
  Target,
} from "./syntax.ts";
import { renderError, shown } from "./template-errors.ts";
import { filters, tests } from "./vocabulary.ts";
import {
  Dict,
  isTrue,
  Namespace,
  Range,
  TemplateObject,
  Tuple,
  typeName,
  Undefined,
  undefinedName,
  type Arguments,
  type Value,
} from "./values.ts";

/** How a body ended: by itself, or by a statement for the loop around it. */
type Ending = "break" | "continue" | undefined;

/** What it takes to make a scope and fill it. */
const stepsOfScope = 8;

/** Renders a parsed template once. */
export class Interpreter {
  readonly #allowance: Allowance;
  /** Names that the template sets outside of all blocks. */
  readonly #top: Scope;
  #line = 1;

  constructor(allowance: Allowance, variables: Scope) {
    this.#allowance = allowance;
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
        this.#write(toText(this.#allowance, this.#evaluate(statement.value, scope)), output);
        return undefined;
      case "if": {
        const branch = statement.branches.find(({ condition }) => isTrue(this.#evaluate(condition, scope)));
        return this.#execute(branch?.body ?? statement.otherwise, scope, output);
      }
      case "for":
        this.#loop(statement, this.#evaluate(statement.iterable, scope), scope, output, 0);
        return undefined;
      case "set":
        this.#assign(statement.target, this.#evaluate(statement.value, scope), scope);
        return undefined;
      case "set-block": {
        const text = this.#capture(statement.body, new Scope(scope));
        this.#assign(statement.target, this.#applySteps(text, statement.filters, scope), scope);
        return undefined;
      }
      case "with": {
        const inner = new Scope(scope);
        for (const [i, target] of statement.targets.entries())
          this.#assign(target, this.#evaluate(statement.values[i], scope), inner);
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
        this.#write(toText(this.#allowance, this.#applySteps(text, statement.filters, scope)), output);
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
      if (!isTrue(this.#evaluate(condition, inner))) continue;
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
        if (!names.has(name) && fallback !== undefined) inner.set(name, this.#evaluate(fallback, inner));
      }
      const text = this.#capture(definition.body, inner);
      this.#line = line;
      return text;
    });
  }

  /** The call of a macro, with the body of the block as its `caller`. */
  #callBlock(call: Expression, definition: MacroDefinition, scope: Scope): Value {
    if (call.kind !== "chain") throw new TypeError("the parser lets only calls into call blocks");
    const callee = this.#applySteps(this.#evaluate(call.base, scope), call.steps.slice(0, -1), scope);
    const last = call.steps[call.steps.length - 1];
    if (last.kind !== "call") throw new TypeError("the parser lets only calls into call blocks");
    const { positional, named } = this.#arguments(last.arguments, scope);
    const caller = this.#macro(definition, scope);
    return this.#call(callee, { positional, named: new Map([...named, ["caller", caller]]) });
  }

  #evaluate(expression: Expression, scope: Scope): Value {
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
        return this.#applySteps(this.#evaluate(expression.base, scope), expression.steps, scope);
      case "conditional":
        if (isTrue(this.#evaluate(expression.condition, scope))) return this.#evaluate(expression.then, scope);
        if (expression.otherwise !== undefined) return this.#evaluate(expression.otherwise, scope);
        return new Undefined(() => "an inline if was false, and has no else");
      case "and":
      case "or":
        return this.#evaluateLogic(expression.operands, expression.kind === "or", scope);
      case "not":
        return !isTrue(this.#evaluate(expression.operand, scope));
      case "compare":
        return this.#evaluateComparison(expression, scope);
      case "arithmetic": {
        let value = this.#evaluate(expression.first, scope);
        for (const { operator, operand } of expression.rest)
          value = arithmetic(this.#allowance, operator, value, this.#evaluate(operand, scope));
        return value;
      }
      case "concat":
        return this.#evaluateConcat(expression.operands, scope);
      case "sign":
        return applySign(expression.operator, this.#evaluate(expression.operand, scope));
      case "list":
        return this.#evaluateAll(expression.items, scope);
      case "tuple":
        return new Tuple(this.#evaluateAll(expression.items, scope));
      case "dict": {
        this.#allowance.spendElements(4 * expression.entries.length);
        const dict = new Dict();
        for (const [key, value] of expression.entries)
          dict.set(this.#evaluate(key, scope), this.#evaluate(value, scope));
        return dict;
      }
    }
  }

  #evaluateAll(items: readonly Expression[], scope: Scope): Value[] {
    this.#allowance.spendElements(items.length);
    return items.map((item) => this.#evaluate(item, scope));
  }

  /** The first operand that decides, or the last. */
  #evaluateLogic(operands: readonly Expression[], deciding: boolean, scope: Scope): Value {
    let value: Value = null;
    for (const operand of operands) {
      this.#allowance.spend();
      value = this.#evaluate(operand, scope);
      if (isTrue(value) === deciding) return value;
    }
    return value;
  }

  #evaluateConcat(operands: readonly Expression[], scope: Scope): string {
    let text = "";
    for (const operand of operands) {
      const part = toText(this.#allowance, this.#evaluate(operand, scope));
      this.#allowance.spendText(part.length);
      text += part;
    }
    this.#allowance.spendText(text.length);
    return text;
  }

  #evaluateComparison({ first, rest }: Extract<Expression, { readonly kind: "compare" }>, scope: Scope): boolean {
    let left = this.#evaluate(first, scope);
    for (const { operator, operand } of rest) {
      const right = this.#evaluate(operand, scope);
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

  #applySteps(base: Value, steps: readonly Step[], scope: Scope): Value {
    let value = base;
    for (const step of steps) value = this.#applyStep(value, step, scope);
    return value;
  }

  #applyStep(value: Value, step: Step, scope: Scope): Value {
    switch (step.kind) {
      case "attribute":
        return getAttribute(this.#allowance, value, step.name);
      case "item":
        return getItem(this.#allowance, value, this.#evaluate(step.key, scope));
      case "slice":
        return this.#slice(value, step, scope);
      case "call":
        return this.#call(value, this.#arguments(step.arguments, scope));
      case "filter": {
        const filter = filters.get(step.name);
        if (filter === undefined) throw renderError(`there is no filter ${shown(step.name)}`);
        return callBuiltin(step.name, filter, this.#allowance, value, this.#arguments(step.arguments, scope));
      }
      case "test": {
        const test = tests.get(step.name);
        if (test === undefined) throw renderError(`there is no test ${shown(step.name)}`);
        const args = this.#arguments(step.arguments, scope);
        return isTrue(callBuiltin(step.name, test, this.#allowance, value, args)) !== step.isNegated;
      }
    }
  }

  #slice(value: Value, step: Extract<Step, { readonly kind: "slice" }>, scope: Scope): Value {
    if (value instanceof Undefined) throw renderError(value.problem);
    const bound = (part: Expression | undefined): Value => (part === undefined ? null : this.#evaluate(part, scope));
    const part = slice(this.#allowance, value, {
      start: bound(step.start),
      stop: bound(step.stop),
      step: bound(step.step),
    });
    if (part === undefined && value instanceof Dict) throw renderError("a dict cannot be sliced");
    return part ?? new Undefined(() => `a value of type ${typeName(value)} cannot be sliced`);
  }

  #call(callee: Value, args: Arguments): Value {
    if (callee instanceof Undefined) throw renderError(callee.problem);
    if (!(callee instanceof TemplateObject) || callee.call === undefined)
      throw renderError(`a value of type ${typeName(callee)} cannot be called`);
    this.#allowance.spend();
    return callee.call(this.#allowance, args);
  }

  #arguments({ positional, named, spread, spreadNamed }: CallArguments, scope: Scope): Arguments {
    if (named.length === 0 && spread === undefined && spreadNamed === undefined)
      return { positional: positional.map((value) => this.#evaluate(value, scope)), named: noNames };
    const values = positional.map((value) => this.#evaluate(value, scope));
    const names = new Map<string, Value>();
    for (const [name, value] of named) names.set(name, this.#evaluate(value, scope));
    if (spread !== undefined) {
      for (const value of iterate(this.#allowance, this.#evaluate(spread, scope))) {
        this.#allowance.spendElements(1);
        values.push(value);
      }
    }
    if (spreadNamed !== undefined) this.#spreadNames(this.#evaluate(spreadNamed, scope), names);
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

const noNames: ReadonlyMap<string, Value> = new Map();
