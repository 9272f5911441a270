import { InvalidArgumentError } from "commander";

export interface NumberRange {
  readonly from: number;
  readonly to?: number;
}

/** A parser for a flag that takes an integer within a range, ends included. 1e6 is one. */
export function integer({ from, to = Number.MAX_SAFE_INTEGER }: NumberRange): (text: string) => number {
  return (text) => {
    const value = /^[+-]?\d+(e\+?\d+)?$/i.test(text) ? Number(text) : NaN;
    if (Number.isSafeInteger(value) && value >= from && value <= to) return value;
    throw new InvalidArgumentError(
      to < Number.MAX_SAFE_INTEGER
        ? `It must be an integer from ${from} to ${to}.`
        : `It must be an integer${from > Number.MIN_SAFE_INTEGER ? `, at least ${from}` : ""}.`,
    );
  };
}

const byteUnits: Readonly<Record<string, number>> = {
  "": 1,
  k: 1e3,
  m: 1e6,
  g: 1e9,
  ki: 2 ** 10,
  mi: 2 ** 20,
  gi: 2 ** 30,
};

/** Parses a flag that takes a size, at least one byte: "800M", "4GiB", "1.5e9". */
export function byteCount(text: string): number {
  const [, size = "", unit = ""] = /^(\d+(?:\.\d+)?(?:e\d+)?) *([kmg]?i?)b?$/i.exec(text.trim()) ?? [];
  const bytes = Math.floor(Number(size) * (byteUnits[unit.toLowerCase()] ?? NaN));
  if (size !== "" && Number.isSafeInteger(bytes) && bytes >= 1) return bytes;
  throw new InvalidArgumentError("It must be a size in bytes, like 800M or 4GiB.");
}

/** A parser for a flag that takes any number within a range, ends included. */
export function number({ from, to = Infinity }: NumberRange): (text: string) => number {
  return (text) => {
    const value = text.trim() === "" ? NaN : Number(text);
    if (Number.isFinite(value) && value >= from && value <= to) return value;
    throw new InvalidArgumentError(
      to === Infinity ? `It must be a number, at least ${from}.` : `It must be a number from ${from} to ${to}.`,
    );
  };
}
