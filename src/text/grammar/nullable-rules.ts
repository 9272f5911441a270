import type { Expression } from "./expression.ts";

/** [rules] whether the empty text matches. */
export function nullableRules(bodies: readonly Expression[]): readonly boolean[] {
  const nullable = bodies.map(() => false);
  // A rule learns of another only in the next round; chains of rules that are empty because of each other are short.
  for (let hasChanged = true; hasChanged;) {
    hasChanged = false;
    for (let rule = bodies.length - 1; rule >= 0; rule--) {
      if (nullable[rule] || !isNullable(bodies[rule], nullable)) continue;
      nullable[rule] = true;
      hasChanged = true;
    }
  }
  return nullable;
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
