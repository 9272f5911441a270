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
