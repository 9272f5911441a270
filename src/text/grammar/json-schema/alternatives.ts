import { isJsonObject, jsonType, type JsonValue } from "../../../util/json.ts";
import { quote } from "../../../util/quote.ts";
import type { StepBudget } from "../../../util/step-budget.ts";
import { edgeCost } from "../step-costs.ts";
import { annotations, knownKeywords } from "./keywords.ts";
import { areDisjoint, outlineOf } from "./are-disjoint.ts";
import { child, listOf, refuse, stringOf, unsupported } from "./located-schema.ts";
import type { Conjunction, LocatedSchema, LocatedValue } from "./located-schema.ts";

/** What one schema may come to by its anyOf and oneOf, together with what they lie in. */
const maxAlternatives = 256;
/** `$ref`, `allOf`, `anyOf` and `oneOf` in each other, without a property or an element in between. */
const maxDepth = 64;
/** What it takes to look at an alternative, in steps. */
const alternativeCost = 64;

/** Follows `$ref`, `allOf`, `anyOf` and `oneOf`: afterwards a schema is a list of alternatives, each made of plain keywords. */
export class Alternatives {
  readonly #root: JsonValue;
  readonly #budget: StepBudget;
  /** Schemas are looked at once, by identity. */
  readonly #checked = new Set<object>();

  constructor(root: JsonValue, budget: StepBudget) {
    this.#root = root;
    this.#budget = budget;
  }

  /** All ways to fulfil all of the schemas; none: there is no way. Throws RequestError for what is malformed or not supported. */
  of(all: readonly LocatedValue[]): readonly Conjunction[] {
    return this.#all(all, new Set());
  }

  /** `open`: the schemas that these lie in. */
  #all(all: readonly LocatedValue[], open: Set<object>): readonly Conjunction[] {
    let result: readonly Conjunction[] = [[]];
    for (const each of all) result = this.#product(result, this.#one(each, open), each.path);
    return result;
  }

  #one({ value, path }: LocatedValue, open: Set<object>): readonly Conjunction[] {
    this.#budget.spend(alternativeCost);
    if (typeof value === "boolean") return value ? [[]] : [];
    if (!isJsonObject(value)) throw refuse(path, `must be a schema, found ${jsonType(value)}`);
    const located: LocatedSchema = { schema: value, path };
    if (open.has(value))
      throw refuse(path, "refers to itself without anything in between: nothing could ever fulfil it");
    if (open.size >= maxDepth)
      throw unsupported(path, `$ref, allOf, anyOf and oneOf are more than ${maxDepth} levels deep in each other`);
    this.#check(located);
    open.add(value);
    let result: readonly Conjunction[] = [[located]];
    const reference = stringOf(located, "$ref");
    if (reference !== undefined)
      result = this.#product(result, this.#one(this.#resolve(reference, child(located, "$ref")), open), path);
    result = this.#product(result, this.#all(schemasIn(located, "allOf") ?? [], open), path);
    for (const keyword of ["anyOf", "oneOf"] as const) {
      const options = schemasIn(located, keyword);
      if (options === undefined) continue;
      const ways = options.map((option) => this.#one(option, open));
      result = this.#product(result, ways.flat(), path);
      if (keyword === "oneOf") this.#requireDisjoint(ways, child(located, "oneOf"));
    }
    open.delete(value);
    return result;
  }

  #product(left: readonly Conjunction[], right: readonly Conjunction[], path: string): readonly Conjunction[] {
    const count = left.length * right.length;
    if (count > maxAlternatives)
      throw unsupported(
        path,
        `its anyOf and oneOf come to ${count} alternatives; at most ${maxAlternatives} are taken`,
      );
    return left.flatMap((a) =>
      right.map((b) => {
        this.#budget.spend(alternativeCost + a.length * b.length);
        return [...a, ...b.filter(({ schema }) => !a.some((other) => other.schema === schema))];
      }),
    );
  }

  #requireDisjoint(ways: readonly (readonly Conjunction[])[], path: string): void {
    const outlines = ways.map((way) => way.map(outlineOf));
    for (const [i, some] of outlines.entries())
      for (const others of outlines.slice(i + 1))
        for (const a of some)
          for (const b of others) {
            this.#budget.spend(edgeCost);
            if (!areDisjoint(a, b))
              throw unsupported(
                path,
                "a value might fulfil two of its schemas, which oneOf forbids; use anyOf, or give them different types " +
                  "or a required property with different constants",
              );
          }
  }

  #check({ schema, path }: LocatedSchema): void {
    if (this.#checked.has(schema)) return;
    this.#checked.add(schema);
    for (const keyword of Object.keys(schema)) {
      this.#budget.spend();
      if (knownKeywords.has(keyword) || annotations.has(keyword) || keyword.startsWith("x-")) continue;
      throw unsupported(child({ path }, keyword), "this keyword is not supported");
    }
  }

  /** Only within the document: nothing is fetched. */
  #resolve(reference: string, path: string): LocatedValue {
    if (reference !== "#" && !reference.startsWith("#/"))
      throw unsupported(path, `${quote(reference)} does not lead to a place in this document, such as #/$defs/name`);
    let value: JsonValue | undefined = this.#root;
    for (const part of reference.split("/").slice(1)) {
      const key = decodePart(part);
      value = Array.isArray(value)
        ? (value as readonly JsonValue[])[Number(key)]
        : isJsonObject(value)
          ? value[key]
          : undefined;
    }
    if (value === undefined) throw refuse(path, `${quote(reference)} leads nowhere`);
    return { value, path: reference };
  }
}

function decodePart(part: string): string {
  let text = part;
  try {
    text = decodeURIComponent(part);
  } catch {
    // A per cent sign that stands for itself.
  }
  return text.replaceAll("~1", "/").replaceAll("~0", "~");
}

function schemasIn(located: LocatedSchema, keyword: string): readonly LocatedValue[] | undefined {
  return listOf(located, keyword)?.map((value, i) => ({ value, path: child(located, keyword, i) }));
}
