import { quote } from "../../../util/quote.ts";
import { RequestError } from "../../../util/errors.ts";
import type { Expression } from "../expression.ts";
import type { RuleSet } from "../rule-set.ts";
import { EbnfParser } from "./ebnf-parser.ts";

/**
 * What a grammar in GBNF (rules `name ::= …`, the first of all being `root`) or in Lark's form (`name: …`, `start`) matches. Throws
 * RequestError for what is malformed, for rules that are missing, and for parts of Lark that have no meaning here (`%ignore`, templates).
 */
export function addEbnf(source: string, rules: RuleSet): Expression {
  const dialect = /^\s*[A-Za-z][A-Za-z0-9_-]*\s*::=/m.test(source) ? "gbnf" : "lark";
  const grammar = new EbnfParser(source, dialect, rules).parse();
  const first = dialect === "gbnf" ? "root" : "start";
  const call = grammar.get(first);
  if (call === undefined)
    throw new RequestError(`the grammar has no rule ${quote(first)}, which would be the whole text`);
  return call;
}
