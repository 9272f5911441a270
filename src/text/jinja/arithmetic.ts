import { asNumber } from "./compare-values.ts";
import { formatPercent } from "./format-percent.ts";
import { mostIntegerBits } from "./print-value.ts";
import type { Allowance } from "./allowance.ts";
import type { ArithmeticOperator } from "./syntax.ts";
import { renderError } from "./template-errors.ts";
import { clampToIndex } from "./builtin.ts";
import { isList, Tuple, typeName, Undefined, type Value } from "./values.ts";

const integerBound = 1n << BigInt(mostIntegerBits);

/** Python's `a operator b`. Throws RequestError for values that it does not take, for what has no result, and for too large ones. */
export function arithmetic(allowance: Allowance, operator: ArithmeticOperator, a: Value, b: Value): Value {
  allowance.spend();
  if (operator === "+" && typeof a === "string" && typeof b === "string") {
    allowance.spendText(a.length + b.length);
    return a + b;
  }
  const x = asNumber(a);
  const y = asNumber(b);
  if (x !== undefined && y !== undefined)
    return typeof x === "bigint" && typeof y === "bigint"
      ? integerArithmetic(allowance, operator, x, y)
      : floatArithmetic(operator, toFloat(x), toFloat(y));
  const joined =
    operator === "+" ? concatenated(allowance, a, b) : operator === "*" ? repeated(allowance, a, b) : undefined;
  if (joined !== undefined) return joined;
  if (operator === "%" && typeof a === "string") return formatPercent(allowance, a, b);
  for (const value of [a, b]) if (value instanceof Undefined) throw renderError(value.problem);
  throw renderError(`${operator} does not take values of type ${typeName(a)} and ${typeName(b)}`);
}

/** `+value` and `-value`. */
export function applySign(operator: "+" | "-", value: Value): Value {
  const number = asNumber(value);
  if (number !== undefined) return operator === "+" ? number : -number;
  if (value instanceof Undefined) throw renderError(value.problem);
  throw renderError(`${operator} does not take a value of type ${typeName(value)}`);
}

/** Throws RequestError where it is too large, as Python does. */
export function toFloat(value: bigint | number): number {
  const float = Number(value);
  if (typeof value === "bigint" && !Number.isFinite(float)) throw renderError("the integer is too large for a float");
  return float;
}

/** Throws RequestError for an integer that takes more bits than are held. */
export function checkedInteger(value: bigint): bigint {
  if (value >= integerBound || value <= -integerBound)
    throw renderError(`an integer takes more than ${mostIntegerBits} bits`);
  return value;
}

function integerArithmetic(allowance: Allowance, operator: ArithmeticOperator, a: bigint, b: bigint): bigint | number {
  if (operator !== "+" && operator !== "-" && isLong(a)) allowance.spend(512);
  switch (operator) {
    case "+":
      return checkedInteger(a + b);
    case "-":
      return checkedInteger(a - b);
    case "*":
      return checkedInteger(a * b);
    case "/":
      if (b === 0n) throw renderError("division by zero");
      return quotient(a, b);
    case "//":
      if (b === 0n) throw renderError("division by zero");
      return (a - floorModulo(a, b)) / b;
    case "%":
      if (b === 0n) throw renderError("modulo by zero");
      return floorModulo(a, b);
    case "**":
      if (b >= 0n) return integerPower(a, b);
      // The reciprocal of what is exact is correctly rounded, which JavaScript's power is not.
      if (a !== 0n && b > -64n) return 1 / toFloat(integerPower(a, -b));
      return floatArithmetic("**", toFloat(a), toFloat(b));
  }
}

function isLong(value: bigint): boolean {
  return value > Number.MAX_SAFE_INTEGER || value < -Number.MAX_SAFE_INTEGER;
}

/** Correctly rounded, also where the integers themselves are no floats. */
function quotient(a: bigint, b: bigint): number {
  if (!isLong(a) && !isLong(b)) return Number(a) / Number(b);
  const [x, y] = [a < 0n ? -a : a, b < 0n ? -b : b];
  // So many bits behind the point that the quotient has more than the 53 of a float; the last of them says whether there are others.
  const shift = BigInt(Math.max(0, y.toString(2).length - x.toString(2).length + 64));
  const scaled = x << shift;
  const digits = (scaled / y) | (scaled % y === 0n ? 0n : 1n);
  const result = toFloat(digits) / 2 ** Number(shift);
  return a < 0n === b < 0n ? result : -result;
}

/** With the sign of the divisor. */
function floorModulo(a: bigint, b: bigint): bigint {
  const rest = a % b;
  return rest !== 0n && rest < 0n !== b < 0n ? rest + b : rest;
}

function integerPower(base: bigint, exponent: bigint): bigint {
  if (base === 0n || base === 1n || base === -1n) return base ** (exponent === 0n ? 0n : 2n - (exponent % 2n));
  const bits = base.toString(2).length - Number(base < 0n);
  // The power has at least (bits - 1) * exponent bits: what passes takes at most twice as many as are held.
  if (BigInt(Math.max(1, bits - 1)) * exponent > mostIntegerBits) return checkedInteger(integerBound);
  return checkedInteger(base ** exponent);
}

function floatArithmetic(operator: ArithmeticOperator, a: number, b: number): number {
  switch (operator) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "/":
      if (b === 0) throw renderError("division by zero");
      return a / b;
    case "//":
      return floorDivided(a, b);
    case "%":
      if (b === 0) throw renderError("modulo by zero");
      return floatModulo(a, b);
    case "**":
      return floatPower(a, b);
  }
}

/** With the sign of the divisor, also where it is zero. */
function floatModulo(a: number, b: number): number {
  const rest = a % b;
  if (rest === 0) return b < 0 ? -0 : 0;
  return rest < 0 !== b < 0 ? rest + b : rest;
}

/** From the remainder, as Python does: floor(a / b) would round a quotient up across an integer. */
function floorDivided(a: number, b: number): number {
  if (b === 0) throw renderError("division by zero");
  const quotient = (a - floatModulo(a, b)) / b;
  if (quotient === 0) return a / b < 0 || Object.is(a / b, -0) ? -0 : 0;
  const floor = Math.floor(quotient);
  return quotient - floor > 0.5 ? floor + 1 : floor;
}

function floatPower(a: number, b: number): number {
  if (a === 0 && b < 0) throw renderError("zero cannot be raised to a negative power");
  if (a < 0 && Number.isFinite(a) && Number.isFinite(b) && !Number.isInteger(b))
    throw renderError("the power of a negative number is no real number");
  // Unlike JavaScript's, Python's 1 ** nan and (-1) ** inf are 1.
  if (a === 1 || (a === -1 && !Number.isFinite(b) && !Number.isNaN(b))) return 1;
  const power = a ** b;
  if (!Number.isFinite(power) && Number.isFinite(a) && Number.isFinite(b))
    throw renderError("the power is too large for a float");
  return power;
}

function concatenated(allowance: Allowance, a: Value, b: Value): Value | undefined {
  const join = (x: readonly Value[], y: readonly Value[]): readonly Value[] => {
    allowance.spendElements(x.length + y.length);
    return [...x, ...y];
  };
  if (isList(a) && isList(b)) return join(a, b);
  return a instanceof Tuple && b instanceof Tuple ? new Tuple(join(a.items, b.items)) : undefined;
}

/** A text, list or tuple so many times over, in either order. */
function repeated(allowance: Allowance, a: Value, b: Value): Value | undefined {
  const [sequence, factor] = asNumber(a) === undefined ? [a, asNumber(b)] : [b, asNumber(a)];
  if (typeof factor !== "bigint") return undefined;
  const count = Math.max(0, clampToIndex(factor));
  if (typeof sequence === "string") {
    allowance.spendText(sequence.length * count);
    return sequence.repeat(sequence === "" ? 0 : count);
  }
  const items = isList(sequence) ? sequence : sequence instanceof Tuple ? sequence.items : undefined;
  if (items === undefined) return undefined;
  allowance.spendElements(items.length * count);
  const all = Array.from({ length: items.length * count }, (_, i) => items[i % items.length]);
  return isList(sequence) ? all : new Tuple(all);
}
