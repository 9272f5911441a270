import { arithmetic, checkedInteger, toFloat } from "./arithmetic.ts";
import { builtin, integerArgument, wrongType, type Builtin } from "./builtin.ts";
import { asNumber } from "./compare-values.ts";
import { fixed, roundFloat } from "./float-text.ts";
import { truncated } from "./format-percent.ts";
import type { Allowance } from "./allowance.ts";
import { renderError } from "./template-errors.ts";
import { isTrue, Undefined, type Value } from "./values.ts";

const floatLiteral =
  /^[+-]?(?:(?:\d(?:_?\d)*\.?(?:\d(?:_?\d)*)?|\.\d(?:_?\d)*)(?:e[+-]?\d(?:_?\d)*)?|inf(?:inity)?|nan)$/i;
const mostDigits = 4300;

/** Digits of any script as those of ASCII: they lie in runs of ten, from zero up. */
function asciiDigits(text: string): string {
  return text.replace(/(?!\d)\p{Nd}/gu, (digit) => {
    const code = digit.codePointAt(0) ?? 0;
    let start = code;
    while (/\p{Nd}/u.test(String.fromCodePoint(start - 1))) start--;
    return String((code - start) % 10);
  });
}

/** Python's float(value); undefined for what it does not take. */
function parseFloatLike(value: Value): number | undefined {
  if (value instanceof Undefined) throw renderError(value.problem);
  const number = asNumber(value);
  if (number !== undefined) return toFloat(number);
  if (typeof value !== "string") return undefined;
  if (value.length > mostDigits) return undefined;
  const text = asciiDigits(value.trim());
  if (!floatLiteral.test(text)) return undefined;
  const [, sign, name] = /^([+-]?)([a-z]*)/i.exec(text) ?? [];
  if (name === "" || name === undefined) return Number(text.replaceAll("_", ""));
  if (name.toLowerCase() === "nan") return NaN;
  return sign === "-" ? -Infinity : Infinity;
}

/** Bases that JavaScript reads by itself. */
const prefixOf: ReadonlyMap<number, string> = new Map([
  [2, "0b"],
  [8, "0o"],
  [10, ""],
  [16, "0x"],
]);

/** Python's int(text, base); undefined for what it does not take. */
function parseInteger(allowance: Allowance, value: string, base: number): bigint | undefined {
  if (value.length > mostDigits) return undefined;
  const text = asciiDigits(value.trim()).toLowerCase();
  allowance.spend(1 + text.length / 8);
  const [, sign, body = ""] = /^([+-]?)(.*)$/s.exec(text) ?? [];
  const prefixBase = { "0b": 2, "0o": 8, "0x": 16 }[body.slice(0, 2)];
  const hasPrefix = prefixBase !== undefined && (base === 0 || base === prefixBase);
  if (base === 0 && !hasPrefix && /^0[0_]*[1-9]/.test(body)) return undefined;
  const radix = hasPrefix ? prefixBase : base === 0 ? 10 : base;
  const digits = hasPrefix ? body.slice(2).replace(/^_/, "") : body;
  if (!/^[0-9a-z](?:_?[0-9a-z])*$/.test(digits)) return undefined;
  const plain = digits.replaceAll("_", "");
  if ([...plain].some((char) => parseInt(char, 36) >= radix)) return undefined;
  allowance.spend(plain.length ** 2 / (prefixOf.has(radix) ? 10_000 : 10));
  const prefix = prefixOf.get(radix);
  const result =
    prefix === undefined
      ? [...plain].reduce((sum, char) => sum * BigInt(radix) + BigInt(parseInt(char, 36)), 0n)
      : BigInt(prefix + plain);
  return checkedInteger(sign === "-" ? -result : result);
}

const int = builtin("default? base?", (allowance, self, [fallback = 0n, base = 10n]) => {
  const number = asNumber(self);
  if (typeof number === "bigint") return number;
  if (typeof number === "number" && !Number.isNaN(number)) return truncated(number);
  const radix = integerArgument(base, "the base");
  if (radix !== 0 && (radix < 2 || radix > 36)) throw renderError("the base must be 0, or from 2 to 36");
  const integer = typeof self === "string" ? parseInteger(allowance, self, radix) : undefined;
  if (integer !== undefined) return integer;
  const float = parseFloatLike(self);
  return float === undefined || !Number.isFinite(float) ? fallback : truncated(float);
});

const round = builtin("precision? method?", (allowance, self, [precision = 0n, method = "common"]) => {
  const number = asNumber(self);
  if (number === undefined) throw wrongType(self, "what is rounded", "a number");
  const digits = integerArgument(precision, "the precision");
  if (method === "common")
    return typeof number === "number" ? roundedFloat(number, digits) : roundInteger(allowance, number, digits);
  if (method !== "ceil" && method !== "floor") throw renderError("the method must be common, ceil or floor");
  const power = arithmetic(allowance, "**", 10n, BigInt(digits));
  const scaled = asNumber(arithmetic(allowance, "*", number, power)) ?? 0;
  if (typeof scaled === "bigint") return arithmetic(allowance, "/", scaled, power);
  return arithmetic(allowance, "/", truncated(method === "ceil" ? Math.ceil(scaled) : Math.floor(scaled)), power);
});

function roundedFloat(value: number, digits: number): number {
  const rounded = roundFloat(value, digits);
  if (!Number.isFinite(rounded) && Number.isFinite(value))
    throw renderError("the rounded number is too large for a float");
  return rounded;
}

/** To tens, hundreds and so on where the digits are negative; halves to even. */
function roundInteger(allowance: Allowance, value: bigint, digits: number): bigint {
  if (digits >= 0) return value;
  if (digits < -mostDigits) return 0n;
  allowance.spend(-digits);
  const unit = 10n ** BigInt(-digits);
  const rest = ((value % unit) + unit) % unit;
  const down = value - rest;
  const isUp = 2n * rest > unit || (2n * rest === unit && (down / unit) % 2n !== 0n);
  return checkedInteger(isUp ? down + unit : down);
}

const filesizeformat = builtin("binary?", (_, self, [isBinary = false]) => {
  const bytes = parseFloatLike(self);
  if (bytes === undefined) throw wrongType(self, "a size", "a number");
  const [base, suffix] = isTrue(isBinary) ? [1024, "iB"] : [1000, "B"];
  if (bytes === 1) return "1 Byte";
  if (bytes < base) return `${truncated(bytes)} Bytes`;
  const prefixes = isTrue(isBinary) ? "KMGTPEZY" : "kMGTPEZY";
  let index = 0;
  while (index < prefixes.length - 1 && bytes >= base ** (index + 2)) index++;
  return `${fixed((base * bytes) / base ** (index + 2), 1)} ${prefixes[index]}${suffix}`;
});

export const numberFilters = {
  ...{ filesizeformat, int, round },
  abs: builtin("", (_, self) => {
    const number = asNumber(self);
    if (number === undefined) throw wrongType(self, "what has an absolute value", "a number");
    return number < 0 ? -number : typeof number === "number" ? Math.abs(number) : number;
  }),
  float: builtin("default?", (_, self, [fallback = 0]) => parseFloatLike(self) ?? fallback),
} satisfies Readonly<Record<string, Builtin>>;
