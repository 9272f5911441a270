import { FormatError } from "../../../util/errors.ts";
import type { Pattern } from "../pattern.ts";
import { Fields } from "./fields.ts";

/** `{"String": …}` or `{"Regex": …}`. */
export function parsePattern(fields: Fields): Pattern {
  const pattern = new Fields(fields.value("pattern"), `${fields.where}.pattern`);
  const literal = pattern.optionalText("String");
  const regex = pattern.optionalText("Regex");
  if (literal !== undefined && regex === undefined) return { literal };
  if (regex !== undefined && literal === undefined) return { regex };
  throw new FormatError(`${pattern.where} must have either a String or a Regex`);
}
