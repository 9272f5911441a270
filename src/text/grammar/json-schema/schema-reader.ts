import type { JsonValue } from "../../../util/json.ts";
import { quote } from "../../../util/quote.ts";
import { CodePointDfa } from "../code-point-dfa.ts";
import { choice, literal, never, sequence, type Expression } from "../expression.ts";
import { jsonNumber, jsonObject, jsonString, jsonStringOf, jsonValue } from "../json-value.ts";
import { decimalDfa, integerDfa, type Bound } from "../number-dfa.ts";
import { anyCharacter, regexDfa } from "../regex-dfa.ts";
import type { RuleSet } from "../rule-set.ts";
import { stateCost } from "../step-costs.ts";
import { Alternatives } from "./alternatives.ts";
import { arrayExpression } from "./array-expression.ts";
import { keywords } from "./keywords.ts";
import { child, countsOf, numberOf, refuse, stringOf, unsupported } from "./located-schema.ts";
import type { Conjunction, LocatedSchema, LocatedValue } from "./located-schema.ts";
import { objectExpression } from "./object-expression.ts";
import type { SchemaContext } from "./schema-context.ts";
import { shapelessFormats, stringFormats } from "./string-formats.ts";
import { typesOf, valuesOf, type TypeName } from "./value-types.ts";

const mostMultiple = 10_000;
const longestList = 10_000;

/** Turns schemas into rules: each set of schemas that must hold together into one, so that recursion ends. */
export class SchemaReader implements SchemaContext {
  readonly rules: RuleSet;
  readonly #alternatives: Alternatives;
  readonly #known = new Map<string, Expression>();
  readonly #ids = new Map<JsonValue, number>();
  /** Rules that are called and not yet defined: schemas may lie in each other deeper than calls may. */
  readonly #pending: { readonly rule: number; readonly all: readonly LocatedValue[] }[] = [];

  constructor(root: JsonValue, rules: RuleSet) {
    this.rules = rules;
    this.#alternatives = new Alternatives(root, rules.budget);
  }

  /** A value that fulfils the schema. */
  read(root: LocatedValue): Expression {
    const call = this.value([root]);
    for (let next = this.#pending.pop(); next !== undefined; next = this.#pending.pop())
      this.rules.define(next.rule, choice(...this.#alternatives.of(next.all).map((each) => this.#conjunction(each))));
    return call;
  }

  value(all: readonly LocatedValue[]): Expression {
    const given = all.filter(({ value }) => value !== true);
    const key = given.map(({ value }) => this.#idOf(value)).join();
    let call = this.#known.get(key);
    if (call === undefined) {
      const rule = this.rules.reserve(given[0]?.path ?? "value");
      call = { kind: "call", rule };
      this.#known.set(key, call);
      this.#pending.push({ rule, all: given });
    }
    return call;
  }

  isNever(all: readonly LocatedValue[]): boolean {
    return this.#alternatives.of(all).length === 0;
  }

  stringDfa(all: readonly LocatedValue[]): CodePointDfa {
    const { budget } = this.rules;
    const ways = this.#alternatives.of(all);
    if (ways.length !== 1) throw unsupported(all[0].path, "alternatives are not supported for names of properties");
    const [schemas] = ways;
    const values = valuesOf(schemas)?.filter((value) => typeof value === "string");
    const parts = [...this.#stringParts(schemas), ...(values === undefined ? [] : [CodePointDfa.ofTexts(values)])];
    if (!typesOf(schemas).has("string")) return CodePointDfa.ofTexts([]);
    return parts.reduce((dfa, part) => dfa.intersect(part, budget), CodePointDfa.runOf(anyCharacter, 0, Infinity));
  }

  #idOf(value: JsonValue): number {
    let id = this.#ids.get(value);
    if (id === undefined) {
      id = this.#ids.size;
      this.#ids.set(value, id);
    }
    return id;
  }

  #conjunction(schemas: Conjunction): Expression {
    const types = typesOf(schemas);
    const values = valuesOf(schemas);
    if (values !== undefined) return this.#listed(schemas, values);
    if (types.size === 6 && !schemas.some(isAboutValues)) return jsonValue(this.rules);
    return choice(...Array.from(types, (type) => this.#typed(type, schemas)));
  }

  #typed(type: TypeName, schemas: Conjunction): Expression {
    switch (type) {
      case "null":
        return literal("null");
      case "boolean":
        return choice(literal("true"), literal("false"));
      case "string":
        return this.#string(schemas);
      case "integer":
      case "number":
        return this.#number(type, schemas);
      case "array":
        return arrayExpression(schemas, this);
      case "object":
        if (!schemas.some((located) => has(located, keywords.object))) return jsonObject(this.rules);
        return objectExpression(schemas, this);
      default:
        throw type satisfies never;
    }
  }

  /** Values that are listed, as far as the other keywords allow them. */
  #listed(schemas: Conjunction, values: readonly JsonValue[]): Expression {
    if (values.length > longestList)
      throw unsupported(schemas[0].path, `${values.length} values are listed; at most ${longestList} are taken`);
    let kept = values;
    if (schemas.some((located) => has(located, keywords.string) || hasFormat(located))) {
      const parts = this.#stringParts(schemas);
      kept = kept.filter((value) => typeof value !== "string" || parts.every((dfa) => dfa.matches(value)));
    }
    if (schemas.some((located) => has(located, keywords.number)))
      kept = kept.filter((value) => typeof value !== "number" || isWithin(value, schemas));
    for (const [type, of] of [["array", keywords.array] as const, ["object", keywords.object] as const]) {
      const located = schemas.find((each) => has(each, of));
      const isListed = kept.some((value) => typeof value === "object" && value !== null && type === kindOf(value));
      if (located !== undefined && isListed)
        throw unsupported(located.path, `a list of values that holds an ${type} has nothing else to say about it`);
    }
    return kept.length === 0 ? never : choice(...kept.map((value) => literal(JSON.stringify(value))));
  }

  #string(schemas: Conjunction): Expression {
    const { min, max } = countsOf(schemas, "minLength", "maxLength");
    const isShaped = schemas.some((located) => located.schema.pattern !== undefined || hasFormat(located));
    if (!isShaped) {
      if (max < min) return never;
      return min === 0 && max === Infinity ? jsonString(this.rules) : jsonStringOf(this.rules, min, max);
    }
    // What schemas say again and again: dates, identifiers.
    const key = schemas.map(({ schema: { pattern, format } }) => [pattern, format]);
    return this.rules.shared(`string ${JSON.stringify([key, min, max])}`, () => {
      const [first, ...rest] = this.#stringParts(schemas);
      const dfa = rest.reduce((all, part) => all.intersect(part, this.rules.budget), first);
      return sequence(literal('"'), { kind: "texts", dfa, spelling: "json" }, literal('"'));
    });
  }

  /** What patterns, formats and lengths each say. */
  #stringParts(schemas: Conjunction): readonly CodePointDfa[] {
    const { budget } = this.rules;
    const parts = schemas.flatMap((located) => {
      const pattern = stringOf(located, "pattern");
      const shape = hasFormat(located) ? this.#formatOf(located) : undefined;
      return [
        ...(pattern === undefined ? [] : [this.patternDfa(pattern, child(located, "pattern"))]),
        ...(shape === undefined ? [] : [regexDfa(shape, { isWhole: true, budget })]),
      ];
    });
    const { min, max } = countsOf(schemas, "minLength", "maxLength");
    if (min > 0 || max < Infinity || parts.length === 0) {
      budget.spend(stateCost * (Number.isFinite(max) ? max : min));
      parts.push(max < min ? CodePointDfa.ofTexts([]) : CodePointDfa.runOf(anyCharacter, min, max));
    }
    return parts;
  }

  patternDfa(pattern: string, path: string): CodePointDfa {
    try {
      return regexDfa(pattern, { isWhole: false, budget: this.rules.budget });
    } catch (error) {
      throw refuse(path, (error as Error).message);
    }
  }

  #formatOf(located: LocatedSchema): string {
    const format = stringOf(located, "format") ?? "";
    if (Object.hasOwn(stringFormats, format)) return stringFormats[format];
    const known = Object.keys(stringFormats).join(", ");
    throw unsupported(child(located, "format"), `the format ${quote(format)} is not known; these are: ${known}`);
  }

  #number(type: "integer" | "number", schemas: Conjunction): Expression {
    const { least, most, multipleOf, isInteger } = numberLimits(schemas);
    const { budget } = this.rules;
    if (type === "integer" || isInteger)
      return { kind: "texts", dfa: integerDfa({ least, most }, multipleOf, budget), spelling: "plain" };
    if (least === undefined && most === undefined) return jsonNumber(this.rules);
    return { kind: "texts", dfa: decimalDfa({ least, most }, budget), spelling: "plain" };
  }
}

interface NumberLimits {
  readonly least: Bound | undefined;
  readonly most: Bound | undefined;
  readonly multipleOf: number;
  readonly isInteger: boolean;
}

const int32 = { minimum: -(2 ** 31), maximum: 2 ** 31 - 1 };
const int64 = { minimum: -(2 ** 63), maximum: 2 ** 63 };

function numberLimits(schemas: Conjunction): NumberLimits {
  let least: Bound | undefined;
  let most: Bound | undefined;
  let multipleOf = 1;
  let isInteger = false;
  const raise = (value: number | undefined, isExclusive: boolean): void => {
    if (value === undefined) return;
    if (least === undefined || value > least.value || (value === least.value && isExclusive))
      least = { value, isExclusive };
  };
  const lower = (value: number | undefined, isExclusive: boolean): void => {
    if (value === undefined) return;
    if (most === undefined || value < most.value || (value === most.value && isExclusive))
      most = { value, isExclusive };
  };
  for (const located of schemas) {
    const { format, exclusiveMinimum, exclusiveMaximum } = located.schema;
    // Draft 4 says it by a boolean beside the bound, and OpenAPI 3.0 does.
    const isMinimumExclusive = exclusiveMinimum === true;
    const isMaximumExclusive = exclusiveMaximum === true;
    raise(numberOf(located, "minimum"), isMinimumExclusive);
    lower(numberOf(located, "maximum"), isMaximumExclusive);
    if (typeof exclusiveMinimum !== "boolean") raise(numberOf(located, "exclusiveMinimum"), true);
    if (typeof exclusiveMaximum !== "boolean") lower(numberOf(located, "exclusiveMaximum"), true);
    const width = format === "int32" ? int32 : format === "int64" ? int64 : undefined;
    if (width !== undefined) {
      isInteger = true;
      raise(width.minimum, false);
      lower(width.maximum, false);
    }
    const factor = numberOf(located, "multipleOf");
    if (factor === undefined) continue;
    if (!Number.isInteger(factor) || factor < 1 || leastCommonMultiple(multipleOf, factor) > mostMultiple)
      throw unsupported(child(located, "multipleOf"), `only integers from 1 to ${mostMultiple} are supported`);
    multipleOf = leastCommonMultiple(multipleOf, factor);
    isInteger = true;
  }
  return { least, most, multipleOf, isInteger };
}

function leastCommonMultiple(a: number, b: number): number {
  let [x, y] = [a, b];
  while (y !== 0) [x, y] = [y, x % y];
  return (a / x) * b;
}

function isWithin(value: number, schemas: Conjunction): boolean {
  const { least, most, multipleOf, isInteger } = numberLimits(schemas);
  if (isInteger && value % multipleOf !== 0) return false;
  if (least !== undefined && (least.isExclusive ? value <= least.value : value < least.value)) return false;
  return most === undefined || (most.isExclusive ? value < most.value : value <= most.value);
}

function kindOf(value: JsonValue): "array" | "object" {
  return Array.isArray(value) ? "array" : "object";
}

/** A format that says what a string looks like. */
function hasFormat({ schema: { format } }: LocatedSchema): boolean {
  if (format === undefined || format === "int32" || format === "int64") return false;
  return typeof format !== "string" || !shapelessFormats.has(format);
}

function has({ schema }: LocatedSchema, names: readonly string[]): boolean {
  return names.some((name) => schema[name] !== undefined);
}

function isAboutValues(located: LocatedSchema): boolean {
  return (
    [keywords.string, keywords.number, keywords.array, keywords.object].some((names) => has(located, names)) ||
    hasFormat(located)
  );
}
