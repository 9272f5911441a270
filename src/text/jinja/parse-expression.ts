import type { ParseState } from "./parse-state.ts";
import type { ArithmeticOperator, CallArguments, CompareOperator, Expression, Step } from "./syntax.ts";
import type { TokenStream } from "./token-stream.ts";

export interface TupleOptions {
  /** Whether `a if b else c` is taken; not where an `if` of the statement may follow. */
  readonly withConditional?: boolean;
  /** A name that ends the tuple behind a last comma. */
  readonly endName?: string;
  /** In parentheses, where it may be empty. */
  readonly isParenthesized?: boolean;
}

const constants: ReadonlyMap<string, boolean | null> = new Map([
  ...(["true", "True"] as const).map((name) => [name, true] as const),
  ...(["false", "False"] as const).map((name) => [name, false] as const),
  ...(["none", "None"] as const).map((name) => [name, null] as const),
]);
const comparisons: readonly CompareOperator[] = ["==", "!=", "<", "<=", ">", ">="];

/**
 * Parses expressions by Jinja's precedence, from loose to tight: if-else, or, and, not, comparisons, + and -, ~, * / // %, **, signs,
 * filters and tests, subscripts and calls. Signs bind tighter than filters: `-5 | abs` is 5.
 */
export class ExpressionParser {
  readonly tokens: TokenStream;
  readonly #state: ParseState;

  constructor(tokens: TokenStream, state: ParseState) {
    this.tokens = tokens;
    this.#state = state;
  }

  /** One expression, or several with commas between them, which are a tuple. */
  parseTuple(options: TupleOptions = {}): Expression {
    const { withConditional = true, endName, isParenthesized = false } = options;
    const items: Expression[] = [];
    let isTuple = false;
    while (!this.#isTupleEnd(endName)) {
      items.push(withConditional ? this.parseExpression() : this.#state.nested(this.tokens, () => this.#parseOr()));
      if (!this.tokens.skipOperator(",")) break;
      isTuple = true;
    }
    if (!isTuple && items.length === 1) return items[0];
    if (!isTuple && !isParenthesized) throw this.tokens.unexpected("an expression");
    return { kind: "tuple", items };
  }

  parseExpression(): Expression {
    return this.#state.nested(this.tokens, () => {
      let then = this.#parseOr();
      while (this.tokens.skipName("if")) {
        const condition = this.#parseOr();
        const otherwise = this.tokens.skipName("else") ? this.parseExpression() : undefined;
        then = { kind: "conditional", condition, then, otherwise };
        if (otherwise !== undefined) break;
      }
      return then;
    });
  }

  /** Filters without a value on the left, as `{% filter upper | trim %}` and `{% set x | trim %}` have them. */
  parseFilters(): Step[] {
    const steps: Step[] = [];
    do steps.push(this.#parseFilter());
    while (this.tokens.skipOperator("|"));
    return steps;
  }

  #isTupleEnd(endName: string | undefined): boolean {
    const { current } = this.tokens;
    return (
      current.kind === "end" || this.tokens.isOperator(")") || (endName !== undefined && this.tokens.isName(endName))
    );
  }

  #parseOr(): Expression {
    return this.#parseLogic("or", () => this.#parseLogic("and", () => this.#parseNot()));
  }

  #parseLogic(kind: "and" | "or", parse: () => Expression): Expression {
    const operands = [parse()];
    while (this.tokens.skipName(kind)) operands.push(parse());
    return operands.length === 1 ? operands[0] : { kind, operands };
  }

  #parseNot(): Expression {
    if (!this.tokens.skipName("not")) return this.#parseComparison();
    return this.#state.nested(this.tokens, () => ({ kind: "not", operand: this.#parseNot() }));
  }

  #parseComparison(): Expression {
    const first = this.#parseSum();
    const rest: { readonly operator: CompareOperator; readonly operand: Expression }[] = [];
    for (;;) {
      const operator = this.#skipComparison();
      if (operator === undefined) return rest.length === 0 ? first : { kind: "compare", first, rest };
      rest.push({ operator, operand: this.#parseSum() });
    }
  }

  #skipComparison(): CompareOperator | undefined {
    if (this.tokens.skipName("in")) return "in";
    if (this.tokens.isName("not") && this.tokens.isName("in", 1)) {
      this.tokens.next();
      this.tokens.next();
      return "not in";
    }
    return comparisons.find((operator) => this.tokens.skipOperator(operator));
  }

  #parseSum(): Expression {
    return this.#parseArithmetic(["+", "-"], () => this.#parseConcat());
  }

  #parseConcat(): Expression {
    const operands = [this.#parseProduct()];
    while (this.tokens.skipOperator("~")) operands.push(this.#parseProduct());
    return operands.length === 1 ? operands[0] : { kind: "concat", operands };
  }

  #parseProduct(): Expression {
    return this.#parseArithmetic(["*", "/", "//", "%"], () =>
      // Groups from the left, unlike Python's: 2 ** 3 ** 2 is 64.
      this.#parseArithmetic(["**"], () => this.#parseUnary(true)),
    );
  }

  #parseArithmetic(operators: readonly ArithmeticOperator[], parse: () => Expression): Expression {
    const first = parse();
    const rest: { readonly operator: ArithmeticOperator; readonly operand: Expression }[] = [];
    for (;;) {
      const operator = operators.find((text) => this.tokens.skipOperator(text));
      if (operator === undefined) return rest.length === 0 ? first : { kind: "arithmetic", first, rest };
      rest.push({ operator, operand: parse() });
    }
  }

  #parseUnary(withFilters: boolean): Expression {
    const sign = (["-", "+"] as const).find((text) => this.tokens.skipOperator(text));
    const base: Expression =
      sign === undefined
        ? this.parsePrimary()
        : this.#state.nested(this.tokens, () => ({ kind: "sign", operator: sign, operand: this.#parseUnary(false) }));
    const steps = this.#parseSubscripts();
    while (withFilters) {
      if (this.tokens.skipOperator("|")) steps.push(this.#parseFilter());
      else if (this.tokens.skipName("is")) steps.push(this.#parseTest());
      else if (this.tokens.isOperator("(")) steps.push({ kind: "call", arguments: this.#parseCall() });
      else break;
    }
    return steps.length === 0 ? base : { kind: "chain", base, steps };
  }

  /** A name, a literal, or what stands in brackets. */
  parsePrimary(): Expression {
    const token = this.tokens.current;
    if (token.kind === "name") {
      this.tokens.next();
      const value = constants.get(token.text);
      if (value !== undefined) return { kind: "constant", value };
      this.#state.useName(token.text);
      return { kind: "name", name: token.text };
    }
    if (token.kind === "string") return { kind: "constant", value: this.#parseStrings() };
    if (token.kind === "number") {
      this.tokens.next();
      return { kind: "constant", value: token.value };
    }
    if (this.tokens.skipOperator("(")) {
      const inside = this.parseTuple({ isParenthesized: true });
      this.tokens.expectOperator(")");
      return inside;
    }
    if (this.tokens.skipOperator("["))
      return { kind: "list", items: this.#parseList("]", () => this.parseExpression()) };
    if (this.tokens.skipOperator("{")) {
      const entries = this.#parseList("}", () => {
        const key = this.parseExpression();
        this.tokens.expectOperator(":");
        return [key, this.parseExpression()] as const;
      });
      return { kind: "dict", entries };
    }
    throw this.tokens.unexpected("an expression");
  }

  /** Strings that stand beside each other are one. */
  #parseStrings(): string {
    const parts: string[] = [];
    for (let token = this.tokens.current; token.kind === "string"; token = this.tokens.current) {
      parts.push(token.value);
      this.tokens.next();
    }
    return parts.join("");
  }

  /** Behind the opening bracket, through the closing one; a comma may stand behind the last item. */
  #parseList<T>(close: string, parse: () => T): T[] {
    const items: T[] = [];
    while (!this.tokens.skipOperator(close)) {
      if (items.length > 0) {
        this.tokens.expectOperator(",");
        if (this.tokens.skipOperator(close)) break;
      }
      items.push(parse());
    }
    return items;
  }

  #parseSubscripts(): Step[] {
    const steps: Step[] = [];
    for (;;) {
      if (this.tokens.skipOperator(".")) steps.push(this.#parseAttribute());
      else if (this.tokens.skipOperator("[")) steps.push(this.#parseSubscript());
      else if (this.tokens.isOperator("(")) steps.push({ kind: "call", arguments: this.#parseCall() });
      else return steps;
    }
  }

  #parseAttribute(): Step {
    const token = this.tokens.next();
    if (token.kind === "name") return { kind: "attribute", name: token.text };
    if (token.kind === "number" && typeof token.value === "bigint")
      return { kind: "item", key: { kind: "constant", value: token.value } };
    throw this.tokens.error("behind a dot a name or an index is expected");
  }

  #parseSubscript(): Step {
    const parts: (Expression | undefined)[] = [];
    const items: Expression[] = [];
    let isSlice = false;
    for (;;) {
      const isPartAbsent = this.tokens.isOperator(":") || this.tokens.isOperator("]");
      const part = isPartAbsent ? undefined : this.parseExpression();
      parts.push(part);
      if (this.tokens.skipOperator(":")) {
        isSlice = true;
        if (parts.length === 3) throw this.tokens.error("a slice has at most two colons");
        continue;
      }
      if (part !== undefined) items.push(part);
      if (!this.tokens.isOperator(",")) break;
      if (isSlice) throw this.tokens.error("a subscript takes one slice or several values, not both");
      this.tokens.next();
    }
    this.tokens.expectOperator("]");
    if (isSlice) return { kind: "slice", start: parts[0], stop: parts[1], step: parts[2] };
    if (items.length === 0) throw this.tokens.error("a subscript is empty");
    return { kind: "item", key: items.length === 1 && parts.length === 1 ? items[0] : { kind: "tuple", items } };
  }

  #parseFilter(): Step {
    const name = this.#parseDottedName();
    return { kind: "filter", name, arguments: this.tokens.isOperator("(") ? this.#parseCall() : noArguments };
  }

  /** Behind `is`. One argument may stand without parentheses: `x is divisibleby 3`. */
  #parseTest(): Step {
    const isNegated = this.tokens.skipName("not");
    const name = this.#parseDottedName();
    const { current } = this.tokens;
    let args = noArguments;
    if (this.tokens.isOperator("(")) args = this.#parseCall();
    else if (this.tokens.isName("is")) throw this.tokens.error("tests cannot be chained with is; use and");
    else if (
      current.kind === "string" ||
      current.kind === "number" ||
      (current.kind === "name" && !["else", "or", "and"].includes(current.text)) ||
      this.tokens.isOperator("[") ||
      this.tokens.isOperator("{")
    ) {
      const base = this.parsePrimary();
      const steps = this.#parseSubscripts();
      args = { ...noArguments, positional: [steps.length === 0 ? base : { kind: "chain", base, steps }] };
    }
    return { kind: "test", name, arguments: args, isNegated };
  }

  #parseDottedName(): string {
    let name = this.tokens.expectName();
    while (this.tokens.skipOperator(".")) name += `.${this.tokens.expectName()}`;
    return name;
  }

  #parseCall(): CallArguments {
    this.tokens.expectOperator("(");
    const positional: Expression[] = [];
    const named: (readonly [string, Expression])[] = [];
    let spread: Expression | undefined;
    let spreadNamed: Expression | undefined;
    this.#parseList(")", () => {
      const name = this.tokens.current;
      if (this.tokens.skipOperator("*")) {
        if (spread !== undefined || spreadNamed !== undefined) throw this.tokens.error("a second * in a call");
        spread = this.parseExpression();
      } else if (this.tokens.skipOperator("**")) {
        if (spreadNamed !== undefined) throw this.tokens.error("a second ** in a call");
        spreadNamed = this.parseExpression();
      } else if (name.kind === "name" && this.tokens.isOperator("=", 1)) {
        this.tokens.next();
        this.tokens.next();
        if (spreadNamed !== undefined) throw this.tokens.error("an argument stands behind **");
        named.push([name.text, this.parseExpression()]);
      } else {
        if (named.length > 0 || spread !== undefined || spreadNamed !== undefined)
          throw this.tokens.error("an argument without a name stands behind one with a name");
        positional.push(this.parseExpression());
      }
    });
    return { positional, named, spread, spreadNamed };
  }
}

const noArguments: CallArguments = { positional: [], named: [], spread: undefined, spreadNamed: undefined };
