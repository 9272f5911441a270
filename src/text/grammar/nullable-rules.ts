import type { Expression } from "./expression.ts";

/** [rules] whether the empty text matches. */
export function nullableRules(bodies: readonly Expression[]): readonly boolean[] {
  const nullable = bodies.map(() => false);
  const callers: Set<number>[] = bodies.map(() => new Set());
  for (const [rule, body] of bodies.entries()) forEachCall(body, (called) => callers[called].add(rule));
  const pending = new Set(bodies.keys());
  // A set is walked in the order of insertion, and to what is inserted meanwhile: whatever may have become empty is looked at anew.
  for (const rule of pending) {
    pending.delete(rule);
    if (nullable[rule] || !isNullable(bodies[rule], nullable)) continue;
    nullable[rule] = true;
    for (const caller of callers[rule]) pending.add(caller);
  }
  return nullable;
}

function forEachCall(expression: Expression, visit: (rule: number) => void): void {
  switch (expression.kind) {
    case "literal":
    case "set":
    case "texts":
      return;
    case "sequence":
      for (const part of expression.parts) forEachCall(part, visit);
      return;
    case "choice":
      for (const option of expression.options) forEachCall(option, visit);
      return;
    case "repeat":
      forEachCall(expression.body, visit);
      return;
    case "call":
      visit(expression.rule);
      return;
    default:
      throw expression satisfies never;
  }
}

function isNullable(expression: Expression, nullable: readonly boolean[]): boolean {
  switch (expression.kind) {
    case "literal":
      return expression.bytes.length === 0;
    case "set":
      return false;
    case "texts":
      return expression.dfa.accepts[0];
    case "sequence":
      return expression.parts.every((part) => isNullable(part, nullable));
    case "choice":
      return expression.options.some((option) => isNullable(option, nullable));
    case "repeat":
      return expression.min === 0 || isNullable(expression.body, nullable);
    case "call":
      return nullable[expression.rule];
    default:
      throw expression satisfies never;
  }
}
