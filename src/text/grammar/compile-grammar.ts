import { FormatError, RequestError, UnsupportedError } from "../../util/errors.ts";
import { StepBudget } from "../../util/step-budget.ts";
import { specialTokenBytes } from "./token-bytes.ts";
import type { Automaton } from "./automaton.ts";
import type { CodePointDfa } from "./code-point-dfa.ts";
import { compileAutomaton } from "./compile-automaton.ts";
import { addEbnf } from "./ebnf/add-ebnf.ts";
import { choice, literal, repeat, sequence, type Expression } from "./expression.ts";
import type { GrammarSpec } from "./grammar-spec.ts";
import { addJsonSchema } from "./json-schema/add-json-schema.ts";
import { jsonObject } from "./json-value.ts";
import { regexDfa } from "./regex-dfa.ts";
import { RuleSet } from "./rule-set.ts";

/** Less than a hundred milliseconds of work (step-costs.ts). Schemas that people write take some ten thousands to a million. */
const maxSteps = 1_700_000;
/** Characters of all that a request says in its grammar. */
const maxLength = 2 ** 20;
const maxDepth = 32;
const maxRepetitions = 10_000;

/** Equal for equal grammars. Throws RequestError for one that is too large to be looked at. */
export function grammarKey(spec: GrammarSpec): string {
  // Texts of many megabytes are not written out first.
  if (Object.values(spec).some((value) => typeof value === "string" && value.length > maxLength)) throw tooLong();
  const key = JSON.stringify(spec);
  if (key.length > maxLength) throw tooLong();
  return key;
}

/**
 * Compiles what a request asks for. Takes bounded time whatever that is. Throws RequestError: the text is malformed, asks for what
 * cannot be honoured (which is named, never left aside), or is too large.
 */
export function compileGrammar(spec: GrammarSpec): Automaton {
  const budget = new StepBudget(
    maxSteps,
    () => new RequestError("the grammar is too large: it takes more work to compile than a request may cause"),
  );
  const rules = new RuleSet(budget);
  const whole = rules.reserve("the whole answer");
  try {
    rules.define(whole, new SpecReader(rules).read(spec, maxDepth));
    return compileAutomaton(rules);
  } catch (error) {
    // What patterns and schemas are refused for is the request's fault here, not a file's.
    if (error instanceof FormatError || error instanceof UnsupportedError)
      throw new RequestError(error.message, { cause: error });
    throw error;
  }
}

class SpecReader {
  readonly #rules: RuleSet;
  #length = 0;

  constructor(rules: RuleSet) {
    this.#rules = rules;
  }

  read(spec: GrammarSpec, depth: number): Expression {
    if (depth <= 0) throw new RequestError(`the grammar is put together from parts more than ${maxDepth} levels deep`);
    this.#rules.budget.spend();
    switch (spec.kind) {
      case "json-object":
        return jsonObject(this.#rules);
      case "json-schema":
        return addJsonSchema(this.#text("schema", spec.schema), this.#rules);
      case "regex":
        return plain(regexDfa(this.#text("pattern", spec.pattern), { isWhole: true, budget: this.#rules.budget }));
      case "ebnf":
        return addEbnf(this.#text("source", spec.source), this.#rules);
      case "literal":
        return literal(this.#text("text", spec.text));
      case "special-token":
        return { kind: "literal", bytes: specialTokenBytes(this.#text("name", spec.name)) };
      case "text":
        return plain(this.#textWithout(spec.without ?? []));
      case "sequence":
        return sequence(...this.#list("parts", spec.parts, depth));
      case "choice":
        return choice(...this.#list("options", spec.options, depth));
      case "repeat": {
        const { min, max = Infinity } = spec;
        const isCount = (count: number): boolean => Number.isInteger(count) && count >= 0 && count <= maxRepetitions;
        if (!isCount(min) || !(max === Infinity || isCount(max)) || max < min)
          throw new RequestError(
            `a repetition from ${String(min)} to ${String(max)}; both must be integers from 0 to ${maxRepetitions}, in order`,
          );
        return repeat(this.#rules.add("repeated", this.read(spec.body, depth - 1)), min, max);
      }
      default:
        throw new RequestError(
          `a grammar of the kind ${JSON.stringify((spec as { kind?: unknown }).kind)} is not known`,
        );
    }
  }

  #list(name: string, specs: readonly GrammarSpec[], depth: number): readonly Expression[] {
    if (!isList(specs)) throw new RequestError(`the grammar's ${name} must be a list`);
    return specs.map((each) => this.read(each, depth - 1));
  }

  #text(name: string, text: unknown): string {
    if (typeof text !== "string") throw new RequestError(`the grammar's ${name} must be a text`);
    this.#length += text.length;
    if (this.#length > maxLength) throw tooLong();
    return text;
  }

  #textWithout(texts: readonly string[]): CodePointDfa {
    const { budget } = this.#rules;
    const escaped = texts.map((text) => this.#text("without", text).replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"));
    if (escaped.includes("")) throw new RequestError("no text is without the empty one");
    if (escaped.length === 0) return regexDfa("[^]*", { isWhole: true, budget });
    return regexDfa(escaped.join("|"), { isWhole: false, budget }).complement(budget);
  }
}

function isList(value: unknown): value is readonly GrammarSpec[] {
  return Array.isArray(value);
}

function tooLong(): RequestError {
  return new RequestError(`the grammar has more than ${maxLength} characters, which are not read`);
}

function plain(dfa: CodePointDfa): Expression {
  return { kind: "texts", dfa, spelling: "plain" };
}
