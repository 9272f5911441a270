import { CodePointSet } from "./code-point-set.ts";
import { unicodeProperty } from "./unicode-property.ts";

let variantsOf: ReadonlyMap<number, readonly number[]> | undefined;
/** Properties are the same objects in all patterns. */
const closed = new WeakMap<CodePointSet, CodePointSet>();

/**
 * Adds all that differs from a member only by case: simple case folding (CaseFolding.txt, statuses C and S), as in
 * JavaScript's `iu` and in Rust. Oniguruma also folds one character to several (ß to ss), which no set can express.
 */
export function closeOverCase(set: CodePointSet): CodePointSet {
  let closure = closed.get(set);
  if (closure === undefined) {
    closure = computeClosure(set, (variantsOf ??= variantsByCodePoint()));
    closed.set(set, closure);
  }
  return closure;
}

function computeClosure(set: CodePointSet, all: ReadonlyMap<number, readonly number[]>): CodePointSet {
  const added: number[] = [];
  if (set.size < all.size) for (const codePoint of set.members()) added.push(...(all.get(codePoint) ?? []));
  else for (const [codePoint, variants] of all) if (set.has(codePoint)) added.push(...variants);
  return added.length === 0 ? set : set.union(CodePointSet.of(...added));
}

/** Derived from the runtime's own simple case mappings; what maps to several code points has no simple folding. */
function variantsByCodePoint(): Map<number, number[]> {
  const groups = new Map<number, number[]>();
  for (const codePoint of unicodeProperty("Changes_When_Casemapped")?.members() ?? []) {
    if (codePoint === 0x131) continue; // dotless ı folds to itself, although its upper case is I
    for (const mapped of [single(upper(codePoint)), single(lower(codePoint))]) {
      if (mapped !== undefined) join(groups, codePoint, mapped);
    }
  }
  return groups;
}

function join(groups: Map<number, number[]>, a: number, b: number): void {
  const [left, right] = [groups.get(a) ?? [a], groups.get(b) ?? [b]];
  if (left === right) return;
  left.push(...right);
  for (const member of left) groups.set(member, left);
}

function upper(codePoint: number): string {
  return String.fromCodePoint(codePoint).toUpperCase();
}

function lower(codePoint: number): string {
  return String.fromCodePoint(codePoint).toLowerCase();
}

function single(text: string): number | undefined {
  const codePoint = text.codePointAt(0);
  return codePoint !== undefined && text.length === String.fromCodePoint(codePoint).length ? codePoint : undefined;
}
