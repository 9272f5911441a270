import { quote } from "../../../util/quote.ts";
import { CodePointDfa } from "../code-point-dfa.ts";
import { choice, literal, never, nothing, repeat, sequence, type Expression } from "../expression.ts";
import { comma, inBrackets, jsonMember } from "../json-value.ts";
import { anyCharacter } from "../regex-dfa.ts";
import { child, countsOf, listOf, objectOf, refuse, unsupported } from "./located-schema.ts";
import type { Conjunction, LocatedValue } from "./located-schema.ts";
import type { SchemaContext } from "./schema-context.ts";

/** The rules for what follows each of them are made one within another. */
const mostNamed = 1000;
/** Every set of them may match a name: twice as many sets for each. */
const mostPatterns = 5;

/** An object that fulfils all of the schemas: the members that they name in the order in which they do, then others. */
export function objectExpression(schemas: Conjunction, reader: SchemaContext): Expression {
  const members = new ObjectMembers(schemas, reader);
  const content = members.content();
  return content === undefined ? never : inBrackets(reader.rules, "{", content, "}");
}

interface NamedMember {
  readonly isRequired: boolean;
  /** Undefined: there can be none of this name. */
  readonly expression: Expression | undefined;
}

class ObjectMembers {
  readonly #schemas: Conjunction;
  readonly #reader: SchemaContext;
  readonly #patterns: ReadonlyMap<string, CodePointDfa>;
  readonly #named: readonly NamedMember[];
  /** A member of any other name; undefined: there may be none. */
  readonly #other: Expression | undefined;
  readonly #min: number;
  readonly #max: number;
  readonly #rests = new Map<string, Expression>();

  constructor(schemas: Conjunction, reader: SchemaContext) {
    this.#schemas = schemas;
    this.#reader = reader;
    ({ min: this.#min, max: this.#max } = countsOf(schemas, "minProperties", "maxProperties"));
    this.#patterns = this.#readPatterns();
    const required = new Set(schemas.flatMap((located) => requiredNames(listOf(located, "required"), located.path)));
    const names = new Set(schemas.flatMap((located) => Object.keys(objectOf(located, "properties") ?? {})));
    for (const name of required) names.add(name);
    if (names.size > mostNamed)
      throw unsupported(schemas[0].path, `${names.size} members are named; at most ${mostNamed} are taken`);
    const namesDfa = this.#namesDfa();
    this.#named = Array.from(names, (name) => {
      const all = this.#schemasOf(name);
      const isPossible = namesDfa?.matches(name) !== false && !reader.isNever(all);
      const expression = isPossible ? jsonMember(literal(JSON.stringify(name)), reader.value(all)) : undefined;
      return { isRequired: required.has(name), expression };
    });
    this.#other = this.#otherMember(names, namesDfa);
    if (this.#min > this.#named.length + 1 && this.#other !== undefined)
      throw unsupported(
        child(
          schemas.find(({ schema }) => schema.minProperties !== undefined)!,
          "minProperties",
        ),
        `${this.#min} members: only those that \`properties\` names, and one more, are certain to have different names`,
      );
  }

  /** Undefined: a member is needed that cannot be. */
  content(): Expression | undefined {
    if (this.#named.some(({ isRequired, expression }) => isRequired && expression === undefined)) return undefined;
    return this.#rest(0, 0, true);
  }

  /**
   * What may follow when the members before `index` are done with and `count` are there. Counts are kept only as far as
   * they matter.
   */
  #rest(index: number, count: number, isFirst: boolean): Expression {
    const key = `${index} ${count} ${String(isFirst)}`;
    let rest = this.#rests.get(key);
    if (rest === undefined) {
      const { rules } = this.#reader;
      const rule = rules.reserve("members");
      rest = { kind: "call", rule };
      this.#rests.set(key, rest);
      rules.define(rule, index < this.#named.length ? this.#from(index, count, isFirst) : this.#others(count, isFirst));
    }
    return rest;
  }

  #from(index: number, count: number, isFirst: boolean): Expression {
    const { isRequired, expression } = this.#named[index];
    const skip = isRequired ? [] : [this.#rest(index + 1, count, isFirst)];
    const take =
      expression === undefined || count >= this.#max
        ? []
        : [sequence(this.#separator(isFirst), expression, this.#rest(index + 1, this.#counted(count), false))];
    return choice(...take, ...skip);
  }

  #others(count: number, isFirst: boolean): Expression {
    const other = this.#other;
    const end = count >= this.#min ? [nothing] : [];
    if (other === undefined || count >= this.#max) return choice(...end);
    const further = sequence(comma(this.#reader.rules), other);
    // Two of them may have one name, and then count once: a lower bound is reached by one of them at most.
    if (count + 1 < this.#min) return never;
    const begin = sequence(this.#separator(isFirst), other);
    const most = this.#max === Infinity ? Infinity : this.#max - count - 1;
    return choice(...end, sequence(begin, repeat(this.#reader.rules.add("member", further), 0, most)));
  }

  #separator(isFirst: boolean): Expression {
    return isFirst ? nothing : comma(this.#reader.rules);
  }

  #counted(count: number): number {
    return Math.min(count + 1, this.#max === Infinity ? this.#min : this.#max);
  }

  #readPatterns(): ReadonlyMap<string, CodePointDfa> {
    const patterns = new Map<string, CodePointDfa>();
    for (const located of this.#schemas)
      for (const pattern of Object.keys(objectOf(located, "patternProperties") ?? {}))
        if (!patterns.has(pattern))
          patterns.set(pattern, this.#reader.patternDfa(pattern, child(located, "patternProperties", pattern)));
    if (patterns.size > mostPatterns)
      throw unsupported(
        this.#schemas[0].path,
        `patternProperties has ${patterns.size} patterns; at most ${mostPatterns} are taken`,
      );
    return patterns;
  }

  /** What propertyNames says; undefined: nothing. */
  #namesDfa(): CodePointDfa | undefined {
    const all = this.#schemas.flatMap((located) => {
      const value = located.schema.propertyNames;
      return value === undefined ? [] : [{ value, path: child(located, "propertyNames") }];
    });
    return all.length === 0 ? undefined : this.#reader.stringDfa(all);
  }

  /** What the member of this name must fulfil. */
  #schemasOf(name: string): readonly LocatedValue[] {
    const matching = [...this.#patterns].filter(([, dfa]) => dfa.matches(name)).map(([pattern]) => pattern);
    return this.#schemas.flatMap((located) => {
      const own = objectOf(located, "properties")?.[name];
      return this.#applying(
        located,
        matching,
        own === undefined ? [] : [{ value: own, path: child(located, "properties", name) }],
      );
    });
  }

  #applying(
    located: Conjunction[number],
    matching: readonly string[],
    own: readonly LocatedValue[],
  ): readonly LocatedValue[] {
    const byPattern = objectOf(located, "patternProperties") ?? {};
    const { additionalProperties } = located.schema;
    const found = [...own];
    for (const pattern of matching) {
      const value = byPattern[pattern];
      if (value !== undefined) found.push({ value, path: child(located, "patternProperties", pattern) });
    }
    if (found.length > 0 || additionalProperties === undefined) return found;
    return [{ value: additionalProperties, path: child(located, "additionalProperties") }];
  }

  /** One kind of member for each set of patterns that a name may match. */
  #otherMember(names: ReadonlySet<string>, namesDfa: CodePointDfa | undefined): Expression | undefined {
    const { budget } = this.#reader.rules;
    const any = CodePointDfa.runOf(anyCharacter, 0, Infinity);
    const allowed = namesDfa === undefined ? any : any.intersect(namesDfa, budget);
    const free = allowed.intersect(CodePointDfa.ofTexts(names).complement(budget), budget);
    const patterns = [...this.#patterns];
    const kinds: Expression[] = [];
    for (let set = 0; set < 2 ** patterns.length; set++) {
      const matching = patterns.filter((_, i) => ((set >> i) & 1) === 1).map(([pattern]) => pattern);
      const all = this.#schemas.flatMap((located) => this.#applying(located, matching, []));
      if (this.#reader.isNever(all)) continue;
      let name = free;
      for (const [i, [, dfa]] of patterns.entries())
        name = name.intersect(((set >> i) & 1) === 1 ? dfa : dfa.complement(budget), budget);
      if (name.isEmpty) continue;
      const quoted = sequence(literal('"'), { kind: "texts", dfa: name, spelling: "json" }, literal('"'));
      kinds.push(jsonMember(quoted, this.#reader.value(all)));
    }
    return kinds.length === 0 ? undefined : this.#reader.rules.add("member", choice(...kinds));
  }
}

function requiredNames(list: readonly unknown[] | undefined, path: string): readonly string[] {
  return (list ?? []).map((name) => {
    if (typeof name === "string") return name;
    throw refuse(`${path}/required`, `must list names, found ${quote(String(name))}`);
  });
}
