import { ExpressionParser } from "./parse-expression.ts";
import { ParseState } from "./parse-state.ts";
import { SourceText } from "./source-text.ts";
import { splitSource, type Section } from "./split-source.ts";
import type { Expression, ForLoop, MacroDefinition, Parameter, Statement, Target } from "./syntax.ts";
import { shown } from "./template-errors.ts";
import { TokenStream } from "./token-stream.ts";
import { tokenize } from "./tokenize.ts";

/** Parses a template. Throws FormatError, with line and column, for one that is malformed. */
export function parseTemplate(source: string): readonly Statement[] {
  return new TemplateParser(new SourceText(source)).parse();
}

/** The tag that ended a body: its parser stands behind its name. */
interface EndTag {
  readonly name: string;
  readonly parser: ExpressionParser;
}

/** Tags of Jinja for which a template would need other templates, and others that transformers does not switch on. */
const refusedTags = new Set(["include", "import", "from", "extends", "autoescape", "do", "trans", "debug"]);

class TemplateParser {
  readonly #template: SourceText;
  readonly #sections: readonly Section[];
  readonly #state = new ParseState();
  #position = 0;
  /** Loops around, as far as `break` and `continue` reach. */
  #loops = 0;

  constructor(template: SourceText) {
    this.#template = template;
    this.#sections = splitSource(template);
  }

  parse(): readonly Statement[] {
    const { body } = this.#parseBody([]);
    return body;
  }

  /** Statements up to a tag of one of these names. Throws FormatError where it does not come; without names, up to the end. */
  #parseBody(ends: readonly string[]): { readonly body: readonly Statement[]; readonly end: EndTag | undefined } {
    const body: Statement[] = [];
    while (this.#position < this.#sections.length) {
      const { kind, start, end } = this.#sections[this.#position++];
      if (kind === "text") {
        body.push({ kind, text: this.#template.text.slice(start, end) });
        continue;
      }
      const tokens = new TokenStream(this.#template, tokenize(this.#template, start, end));
      const parser = new ExpressionParser(tokens, this.#state);
      if (kind === "output") {
        const { line } = tokens;
        body.push({ kind, line, value: parser.parseTuple() });
        tokens.expectEnd();
        continue;
      }
      const { line } = tokens;
      const name = tokens.expectName();
      if (ends.includes(name)) return { body, end: { name, parser } };
      body.push(this.#state.nested(tokens, () => this.#parseStatement(name, parser, line)));
    }
    if (ends.length === 0) return { body, end: undefined };
    throw this.#template.error(`the template ends where ${ends.join(" or ")} is missing`, this.#template.text.length);
  }

  /** A body whose end tag has nothing behind its name. */
  #parseBlock(end: string): readonly Statement[] {
    return this.#parseParts([end]).body;
  }

  /** A body that one of several tags ends. */
  #parseParts(ends: readonly string[]): { readonly body: readonly Statement[]; readonly end: EndTag } {
    const { body, end } = this.#parseBody(ends);
    if (end === undefined) throw new TypeError("a body with end tags has one");
    if (end.name !== "elif") end.parser.tokens.expectEnd();
    return { body, end };
  }

  #parseStatement(name: string, parser: ExpressionParser, line: number): Statement {
    const { tokens } = parser;
    switch (name) {
      case "if":
        return this.#parseIf(parser, line);
      case "for":
        return { kind: "for", line, ...this.#parseFor(parser) };
      case "set":
        return this.#parseSet(parser, line);
      case "print":
        return { kind: "output", line, value: this.#parseToEnd(parser, () => parser.parseTuple()) };
      case "with":
        return this.#parseWith(parser, line);
      case "macro": {
        const macroName = tokens.expectName();
        return { kind: "macro", line, macro: this.#parseMacro(macroName, parser, "endmacro") };
      }
      case "call":
        return this.#parseCallBlock(parser, line);
      case "filter": {
        const filters = this.#parseToEnd(parser, () => parser.parseFilters());
        return { kind: "filter-block", line, filters, body: this.#parseBlock("endfilter") };
      }
      case "generation":
        tokens.expectEnd();
        return { kind: "scope", line, isBlock: false, body: this.#parseBlock("endgeneration") };
      case "block":
        return this.#parseNamedBlock(parser, line);
      case "break":
      case "continue":
        if (this.#loops === 0) throw tokens.error(`${name} stands outside of a loop`);
        tokens.expectEnd();
        return { kind: name, line };
      default:
        if (refusedTags.has(name)) throw tokens.error(`chat templates cannot use {% ${name} %}`);
        throw tokens.error(`there is no tag ${shown(name)}, or none that may stand here`);
    }
  }

  #parseToEnd<T>(parser: ExpressionParser, parse: () => T): T {
    const result = parse();
    parser.tokens.expectEnd();
    return result;
  }

  #parseIf(first: ExpressionParser, line: number): Statement {
    const branches: { readonly condition: Expression; readonly body: readonly Statement[] }[] = [];
    let parser = first;
    for (;;) {
      const condition = this.#parseToEnd(parser, () => parser.parseTuple({ withConditional: false }));
      const { body, end } = this.#parseParts(["elif", "else", "endif"]);
      branches.push({ condition, body });
      if (end.name === "endif") return { kind: "if", line, branches, otherwise: [] };
      if (end.name === "else") return { kind: "if", line, branches, otherwise: this.#parseBlock("endif") };
      ({ parser } = end);
    }
  }

  #parseFor(parser: ExpressionParser): ForLoop {
    const { tokens } = parser;
    const target = this.#parseTarget(parser, { endName: "in" });
    if (names(target).includes("loop")) throw tokens.error("loop is the loop's own variable: choose another name");
    tokens.expectKeyword("in");
    const iterable = parser.parseTuple({ withConditional: false, endName: "recursive" });
    const condition = tokens.skipName("if") ? parser.parseExpression() : undefined;
    const isRecursive = tokens.skipName("recursive");
    tokens.expectEnd();
    this.#loops++;
    const { body, end } = this.#parseParts(["else", "endfor"]);
    this.#loops--;
    const otherwise = end.name === "else" ? this.#parseBlock("endfor") : [];
    return { target, iterable, condition, isRecursive, body, otherwise };
  }

  #parseSet(parser: ExpressionParser, line: number): Statement {
    const { tokens } = parser;
    const target = this.#parseTarget(parser, { withAttributes: true });
    if (tokens.skipOperator("=")) {
      const value = this.#parseToEnd(parser, () => parser.parseTuple());
      return { kind: "set", line, target, value };
    }
    const filters = tokens.skipOperator("|") ? parser.parseFilters() : [];
    tokens.expectEnd();
    return { kind: "set-block", line, target, filters, body: this.#parseBlock("endset") };
  }

  #parseWith(parser: ExpressionParser, line: number): Statement {
    const { tokens } = parser;
    const targets: Target[] = [];
    const values: Expression[] = [];
    while (tokens.current.kind !== "end") {
      if (targets.length > 0) tokens.expectOperator(",");
      targets.push({ kind: "name", name: tokens.expectName() });
      tokens.expectOperator("=");
      values.push(parser.parseExpression());
    }
    return { kind: "with", line, targets, values, body: this.#parseBlock("endwith") };
  }

  #parseCallBlock(parser: ExpressionParser, line: number): Statement {
    const { tokens } = parser;
    const parameters = tokens.isOperator("(") ? this.#parseParameters(parser) : [];
    const call = this.#parseToEnd(parser, () => parser.parseExpression());
    if (call.kind !== "chain" || call.steps.at(-1)?.kind !== "call")
      throw tokens.error("behind {% call %} the call of a macro is expected");
    return { kind: "call-block", line, call, caller: this.#parseMacroBody("caller", parameters, "endcall") };
  }

  #parseNamedBlock(parser: ExpressionParser, line: number): Statement {
    const { tokens } = parser;
    tokens.expectName();
    const isScoped = tokens.skipName("scoped");
    tokens.expectEnd();
    const outer = this.#loops;
    this.#loops = 0;
    const { body, end } = this.#parseBody(["endblock"]);
    this.#loops = outer;
    end?.parser.tokens.skipName(end.parser.tokens.current.kind === "name" ? end.parser.tokens.expectName() : "");
    return { kind: "scope", line, isBlock: !isScoped, body };
  }

  #parseMacro(name: string, parser: ExpressionParser, end: string): MacroDefinition {
    const parameters = this.#parseToEnd(parser, () => this.#parseParameters(parser));
    return this.#parseMacroBody(name, parameters, end);
  }

  #parseMacroBody(name: string, parameters: readonly Parameter[], end: string): MacroDefinition {
    const outer = this.#loops;
    this.#loops = 0;
    const { result: body, names } = this.#state.macro(() => this.#parseBlock(end));
    this.#loops = outer;
    const usesOwn = (own: string): boolean => names.has(own) && parameters.every((parameter) => parameter.name !== own);
    return {
      ...{ name, parameters, body },
      usesCaller: names.has("caller"),
      usesVarargs: usesOwn("varargs"),
      usesKwargs: usesOwn("kwargs"),
    };
  }

  #parseParameters(parser: ExpressionParser): readonly Parameter[] {
    const { tokens } = parser;
    const parameters: Parameter[] = [];
    tokens.expectOperator("(");
    while (!tokens.skipOperator(")")) {
      if (parameters.length > 0) tokens.expectOperator(",");
      const name = tokens.expectName();
      const fallback = tokens.skipOperator("=") ? parser.parseExpression() : undefined;
      if (fallback === undefined && parameters.at(-1)?.fallback !== undefined)
        throw tokens.error(`the parameter ${shown(name)} needs a default, as the one before has one`);
      parameters.push({ name, fallback });
    }
    return parameters;
  }

  /** A name, names with commas between them, or nested ones in parentheses. */
  #parseTarget(
    parser: ExpressionParser,
    options: { readonly endName?: string; readonly withAttributes?: boolean },
  ): Target {
    const { tokens } = parser;
    const items: Target[] = [];
    let isTuple = false;
    do {
      if (items.length > 0) isTuple = true;
      const isEnd = tokens.current.kind === "end" || tokens.isOperator("=") || tokens.isOperator(")");
      if (isTuple && (isEnd || (options.endName !== undefined && tokens.isName(options.endName)))) break;
      items.push(this.#parseTargetItem(parser, options));
    } while (tokens.skipOperator(","));
    return isTuple ? { kind: "tuple", items } : items[0];
  }

  #parseTargetItem(parser: ExpressionParser, options: { readonly withAttributes?: boolean }): Target {
    const { tokens } = parser;
    if (tokens.skipOperator("(")) {
      const target = this.#state.nested(tokens, () => this.#parseTarget(parser, options));
      tokens.expectOperator(")");
      return target;
    }
    const name = tokens.expectName();
    if (["true", "false", "none", "True", "False", "None"].includes(name))
      throw tokens.error(`${name} cannot be assigned to`);
    if (options.withAttributes && tokens.skipOperator("."))
      return { kind: "attribute", name, attribute: tokens.expectName() };
    return { kind: "name", name };
  }
}

function names(target: Target): readonly string[] {
  return target.kind === "tuple" ? target.items.flatMap(names) : [target.name];
}
