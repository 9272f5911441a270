import { CodePointSet } from "../regex/code-point-set.ts";
import { characters, choice, literal, nothing, optional, repeat, sequence, type Expression } from "./expression.ts";
import { mustBeEscaped } from "./json-escapes.ts";
import { anyCharacter } from "./regex-dfa.ts";
import type { RuleSet } from "./rule-set.ts";

/** Blanks that may indent a line. */
const deepestIndent = 40;
/**
 * Digits of a number that nothing bounds: up to 15 are told apart by f64, and no number of 15 digits and such an exponent overflows.
 */
export const mostDigits = 15;
const mostExponentDigits = 2;

const digit = characters(["0", "9"]);
const hexDigit = characters(["0", "9"], ["a", "f"], ["A", "F"]);

/** White space between the parts of a JSON text: none, a blank, or a new line and its indent. Without end nothing would ever be said. */
export function whiteSpace(rules: RuleSet): Expression {
  return rules.shared("white space", () =>
    choice(
      nothing,
      literal(" "),
      sequence(literal("\n"), repeat(characters([" ", " "], ["\t", "\t"]), 0, deepestIndent)),
    ),
  );
}

/** Any JSON value. */
export function jsonValue(rules: RuleSet): Expression {
  return rules.shared("value", () =>
    choice(
      jsonObject(rules),
      jsonArray(rules),
      jsonString(rules),
      jsonNumber(rules),
      literal("true"),
      literal("false"),
      literal("null"),
    ),
  );
}

/** Any JSON object. */
export function jsonObject(rules: RuleSet): Expression {
  return rules.shared("object", () => {
    const member = jsonMember(jsonString(rules), jsonValue(rules));
    return inBrackets(rules, "{", listOf(rules, member, 0, Infinity), "}");
  });
}

function jsonArray(rules: RuleSet): Expression {
  return rules.shared("array", () => inBrackets(rules, "[", listOf(rules, jsonValue(rules), 0, Infinity), "]"));
}

/** A name, a colon and a value. */
export function jsonMember(name: Expression, value: Expression): Expression {
  return sequence(name, literal(":"), optional(literal(" ")), value);
}

export function inBrackets(rules: RuleSet, open: string, content: Expression, close: string): Expression {
  return sequence(literal(open), whiteSpace(rules), content, whiteSpace(rules), literal(close));
}

/** What stands between the elements of lists and the members of objects. */
export function comma(rules: RuleSet): Expression {
  return sequence(literal(","), whiteSpace(rules));
}

/** `min` to `max` elements with commas between them. */
export function listOf(rules: RuleSet, element: Expression, min: number, max: number): Expression {
  if (max === 0) return nothing;
  const further = sequence(comma(rules), element);
  const list = sequence(element, repeat(further, Math.max(0, min - 1), max - 1));
  return min === 0 ? optional(list) : list;
}

/** Any JSON string. */
export function jsonString(rules: RuleSet): Expression {
  return rules.shared("string", () => sequence(literal('"'), repeat(jsonCharacter(rules), 0), literal('"')));
}

/** A JSON string of `min` to `max` characters. */
export function jsonStringOf(rules: RuleSet, min: number, max: number): Expression {
  const character = rules.shared("character", () => jsonCharacter(rules));
  return rules.shared(`string of ${min} to ${max}`, () =>
    sequence(literal('"'), repeat(character, min, max), literal('"')),
  );
}

/** One character as it may stand in a string; the halves of a surrogate pair, if spelled by escapes, only together. */
function jsonCharacter(rules: RuleSet): Expression {
  const escape = rules.shared("escape", () => {
    const notD = characters(["0", "9"], ["a", "c"], ["A", "C"], ["e", "f"], ["E", "F"]);
    const d = characters(["d", "d"], ["D", "D"]);
    const hex = (count: number): Expression => repeat(hexDigit, count, count);
    return choice(
      { kind: "set", set: CodePointSet.of(...Array.from('"\\/bfnrt', (letter) => letter.charCodeAt(0))) },
      sequence(literal("u"), notD, hex(3)),
      sequence(literal("u"), d, characters(["0", "7"]), hex(2)),
      sequence(
        ...[literal("u"), d, characters(["8", "9"], ["a", "b"], ["A", "B"]), hex(2), literal("\\u")],
        ...[d, characters(["c", "f"], ["C", "F"]), hex(2)],
      ),
    );
  });
  return choice({ kind: "set", set: anyCharacter.minus(mustBeEscaped) }, sequence(literal("\\"), escape));
}

/** Any JSON number; what is longer than anybody needs is left out, lest it has no end. */
export function jsonNumber(rules: RuleSet): Expression {
  return rules.shared("number", () => {
    const fraction = sequence(literal("."), repeat(digit, 1, mostDigits));
    const exponent = sequence(
      characters(["e", "e"], ["E", "E"]),
      optional(characters(["+", "+"], ["-", "-"])),
      repeat(digit, 1, mostExponentDigits),
    );
    const whole = choice(literal("0"), sequence(characters(["1", "9"]), repeat(digit, 0, mostDigits - 1)));
    return sequence(optional(literal("-")), whole, optional(fraction), optional(exponent));
  });
}
