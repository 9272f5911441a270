import type { CodePointDfa } from "../code-point-dfa.ts";
import type { Expression } from "../expression.ts";
import type { RuleSet } from "../rule-set.ts";
import type { LocatedValue } from "./located-schema.ts";

/** What the schemas of arrays and objects need to have their parts read. */
export interface SchemaContext {
  readonly rules: RuleSet;
  /** A value that fulfils all of these. */
  value(all: readonly LocatedValue[]): Expression;
  /** Whether nothing fulfils all of these, as far as can be seen at once. */
  isNever(all: readonly LocatedValue[]): boolean;
  /** The strings that fulfil all of these; none where they allow other types only. */
  stringDfa(all: readonly LocatedValue[]): CodePointDfa;
  /** The texts in which a pattern is found; `path` is its place. */
  patternDfa(pattern: string, path: string): CodePointDfa;
}
