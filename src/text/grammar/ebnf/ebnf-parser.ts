import { quote } from "../../../util/quote.ts";
import { CodePointSet } from "../../regex/code-point-set.ts";
import { choice, literal, nothing, optional, repeat, sequence, type Expression } from "../expression.ts";
import { anyCharacter, regexDfa } from "../regex-dfa.ts";
import type { RuleSet } from "../rule-set.ts";
import { commonTerminals } from "./common-terminals.ts";
import { malformed, readTokens, type EbnfDialect, type EbnfToken } from "./lexer.ts";

const maxDepth = 64;
const mostRepetitions = 10_000;

/** Reads the rules of a grammar. A rule ends where the next one's name and its `::=` or `:` stand. */
export class EbnfParser {
  readonly #source: string;
  readonly #dialect: EbnfDialect;
  readonly #rules: RuleSet;
  readonly #tokens: readonly EbnfToken[];
  readonly #numbers = new Map<string, number>();
  readonly #defined = new Set<string>();
  /** Where names were first used that have no rule yet. */
  readonly #wanted = new Map<string, EbnfToken>();
  #at = 0;

  constructor(source: string, dialect: EbnfDialect, rules: RuleSet) {
    this.#source = source;
    this.#dialect = dialect;
    this.#rules = rules;
    this.#tokens = readTokens(source, dialect, rules.budget);
  }

  /** Calls of all rules by name. */
  parse(): ReadonlyMap<string, Expression> {
    while (this.#token.kind !== "end") {
      if (this.#token.kind === "directive") this.#directive();
      else this.#rule();
    }
    for (const [name, token] of this.#wanted)
      if (!this.#defined.has(name)) throw this.#malformed(`the rule ${quote(name)} is used and never defined`, token);
    return new Map(Array.from(this.#numbers, ([name, rule]) => [name, { kind: "call", rule }]));
  }

  get #token(): EbnfToken {
    return this.#tokens[this.#at];
  }

  #take(text: string): boolean {
    if (this.#token.kind !== "sign" || this.#token.text !== text) return false;
    this.#at++;
    return true;
  }

  #malformed(what: string, { position }: EbnfToken = this.#token): Error {
    return malformed(this.#source, position, what);
  }

  #numberOf(name: string): number {
    let number = this.#numbers.get(name);
    if (number === undefined) {
      number = this.#rules.reserve(name);
      this.#numbers.set(name, number);
    }
    return number;
  }

  #rule(): void {
    const token = this.#token;
    if (!this.#beginsRule()) throw this.#malformed(`a rule was expected, found ${quote(token.text)}`);
    this.#at += 2;
    const name = ruleName(token.text);
    if (this.#defined.has(name)) throw this.#malformed(`the rule ${quote(name)} is defined twice`, token);
    this.#define(name, this.#alternatives(maxDepth));
  }

  /** An alternative that begins with the rule itself repeats what follows it there. */
  #define(name: string, alternatives: readonly (readonly Expression[])[]): void {
    this.#defined.add(name);
    const rule = this.#numberOf(name);
    const isRecursive = ([first]: readonly Expression[]): boolean => first?.kind === "call" && first.rule === rule;
    const base = alternatives.filter((parts) => !isRecursive(parts)).map((parts) => sequence(...parts));
    const further = alternatives.filter(isRecursive).map(([, ...parts]) => sequence(...parts));
    const begin = choice(...base);
    this.#rules.define(rule, further.length === 0 ? begin : sequence(begin, repeat(choice(...further), 0)));
  }

  #beginsRule(): boolean {
    const next = this.#tokens[this.#at + 1];
    return (
      this.#token.kind === "name" && next.kind === "sign" && next.text === (this.#dialect === "gbnf" ? "::=" : ":")
    );
  }

  #directive(): void {
    const { text } = this.#token;
    const imported = /^%import\s+common\s*(?:\.\s*([A-Z_]+)|\(([A-Z_,\s]+)\))\s*(?:\/\/.*)?$/.exec(text);
    if (imported === null)
      throw this.#malformed(
        `${quote(text)}: of directives only "%import common.NAME" is supported; write white space into the rules`,
      );
    for (const name of (imported[1] ?? imported[2]).split(",").map((part) => part.trim())) {
      if (!Object.hasOwn(commonTerminals, name)) throw this.#malformed(`common.${name} is not known`);
      if (!this.#defined.has(name)) this.#define(name, [[this.#pattern(commonTerminals[name], false)]]);
    }
    this.#at++;
  }

  #alternatives(depth: number): readonly (readonly Expression[])[] {
    if (depth <= 0) throw this.#malformed(`parentheses are nested more than ${maxDepth} levels deep`);
    const alternatives: (readonly Expression[])[] = [];
    this.#take("|"); // Lark allows one before the first
    do alternatives.push(this.#sequence(depth));
    while (this.#take("|"));
    return alternatives;
  }

  #sequence(depth: number): readonly Expression[] {
    const parts: Expression[] = [];
    for (;;) {
      const { kind, text } = this.#token;
      if (kind === "end" || kind === "directive" || text === "|" || text === ")" || text === "]") return parts;
      if (this.#beginsRule()) return parts;
      if (this.#take("->")) {
        this.#at++; // an alias names what is parsed, which nobody does here
        continue;
      }
      parts.push(this.#quantified(this.#atom(depth)));
    }
  }

  #atom(depth: number): Expression {
    const token = this.#token;
    this.#at++;
    switch (token.kind) {
      case "name": {
        const name = ruleName(token.text);
        if (!this.#wanted.has(name)) this.#wanted.set(name, token);
        return { kind: "call", rule: this.#numberOf(name) };
      }
      case "string":
        return this.#string(token);
      case "pattern": {
        const [, pattern, flags] = /^\/(.*)\/([a-z]*)$/s.exec(token.text)!;
        if (!/^[iu]*$/.test(flags)) throw this.#malformed(`the flags ${quote(flags)} are not supported`, token);
        return this.#pattern(pattern, flags.includes("i"));
      }
      case "class":
        return this.#pattern(token.text, false);
      case "sign":
        if (token.text === ".") return { kind: "set", set: anyCharacter };
        if (token.text === "(" || (token.text === "[" && this.#dialect === "lark")) {
          const inner = choice(...this.#alternatives(depth - 1).map((parts) => sequence(...parts)));
          const close = token.text === "(" ? ")" : "]";
          if (!this.#take(close)) throw this.#malformed(`${quote(token.text)} is never closed by ${close}`, token);
          return close === "]" ? optional(inner) : inner;
        }
        break;
      case "directive":
      case "end":
        break;
      default:
        throw token.kind satisfies never;
    }
    throw this.#malformed(`${quote(token.text)} has no meaning here`, token);
  }

  #string(token: EbnfToken): Expression {
    const ignoresCase = token.text.endsWith("i");
    const text = this.#unescape(token, token.text.slice(1, ignoresCase ? -2 : -1));
    if (this.#take("..")) {
      const last = this.#token;
      this.#at++;
      const end = last.kind === "string" ? this.#unescape(last, last.text.slice(1, -1)) : "";
      const [from, to] = [text.codePointAt(0) ?? 0, end.codePointAt(0) ?? -1];
      if (to < from) throw this.#malformed('".." needs one character on each side, in order', token);
      return { kind: "set", set: CodePointSet.fromRanges([[from, to]]) };
    }
    if (!ignoresCase) return literal(text);
    return this.#pattern(text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"), true);
  }

  #unescape(token: EbnfToken, text: string): string {
    return text.replace(/\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))/gs, (all, x, u, U, letter) => {
      const digits = (x ?? u ?? U) as string | undefined;
      if (digits !== undefined) {
        const codePoint = parseInt(digits, 16);
        if (!anyCharacter.has(codePoint)) throw this.#malformed(`${quote(String(all))} is no character`, token);
        return String.fromCodePoint(codePoint);
      }
      return controls[letter as string] ?? (letter as string);
    });
  }

  #pattern(pattern: string, ignoresCase: boolean): Expression {
    const dfa = regexDfa(pattern, { isWhole: true, ignoresCase, budget: this.#rules.budget });
    return { kind: "texts", dfa, spelling: "plain" };
  }

  #quantified(atom: Expression): Expression {
    let result = atom;
    for (;;) {
      const { kind, text } = this.#token;
      const range = kind === "sign" ? rangeOf(text) : undefined;
      if (range === undefined) return result;
      const { min, max } = range;
      if (min > mostRepetitions || (max > mostRepetitions && max !== Infinity) || max < min)
        throw this.#malformed(`${quote(text)}: repetitions go from 0 to ${mostRepetitions}, in order`);
      this.#at++;
      // A rule of its own where it would be copied: repetitions within repetitions grow fast.
      const isCopied = result.kind !== "call" && (min > 1 || (max > 1 && max < Infinity));
      const body = isCopied ? this.#rules.add("repeated", result) : result;
      result = max === 0 ? nothing : repeat(body, min, max);
    }
  }
}

const controls: Readonly<Record<string, string | undefined>> = { n: "\n", r: "\r", t: "\t", f: "\f", v: "\v" };

/** Undefined: the sign is no quantifier. */
function rangeOf(sign: string): { readonly min: number; readonly max: number } | undefined {
  if (sign === "*") return { min: 0, max: Infinity };
  if (sign === "+") return { min: 1, max: Infinity };
  if (sign === "?") return { min: 0, max: 1 };
  const braces = /^\{\s*(\d*)\s*(,?)\s*(\d*)\s*\}$/.exec(sign);
  if (braces !== null) {
    const [, least, separator, most] = braces;
    return { min: Number(least), max: separator === "" ? Number(least) : most === "" ? Infinity : Number(most) };
  }
  const tilde = /^~\s*(\d+)(?:\s*\.\.\s*(\d+))?$/.exec(sign);
  if (tilde === null) return undefined;
  return { min: Number(tilde[1]), max: Number(tilde[2] ?? tilde[1]) };
}

/** Lark's marks say what becomes of the parsed tree, and its numbers which terminal comes first. */
function ruleName(text: string): string {
  return text.replace(/^[!?]+/, "").replace(/\.-?\d+$/, "");
}
