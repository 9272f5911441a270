import { formatSpec } from "./format-spec.ts";
import { repr, toText } from "./print-value.ts";
import type { Allowance } from "./allowance.ts";
import { elementAt } from "./sequences.ts";
import { renderError, shown } from "./template-errors.ts";
import { Dict, TemplateObject, Undefined, type Arguments, type Value } from "./values.ts";

/** Python allows one level of fields within a specification. */
const mostLevels = 2;

/** Python's template.format(…). Throws RequestError for fields that are malformed, or that the arguments do not have. */
export function formatBraces(allowance: Allowance, template: string, args: Arguments): string {
  let automatic = 0;
  const argumentAt = (key: string): Value => {
    const isNumbered = /^\d*$/.test(key);
    const value = isNumbered ? args.positional[key === "" ? automatic++ : Number(key)] : args.named.get(key);
    if (value === undefined)
      throw renderError(`the format ${shown(template)} asks for an argument ${shown(key)} that is not there`);
    return value;
  };
  const format = (text: string, level: number): string => {
    allowance.spend(1 + text.length / 4);
    const parts: string[] = [];
    for (let i = 0; i < text.length;) {
      const char = text[i];
      if (char !== "{" && char !== "}") {
        const next = text.slice(i).search(/[{}]/);
        const end = next < 0 ? text.length : i + next;
        parts.push(text.slice(i, end));
        i = end;
      } else if (text[i + 1] === char) {
        parts.push(char);
        i += 2;
      } else {
        const end = char === "{" ? endOfField(text, i) : -1;
        if (end < 0) throw renderError(`the format ${shown(template)} has a single ${char}`);
        if (level > mostLevels)
          throw renderError(`the format ${shown(template)} has fields inside of fields inside of fields`);
        parts.push(formatField(allowance, text.slice(i + 1, end), argumentAt, (spec) => format(spec, level + 1)));
        i = end + 1;
      }
    }
    return allowance.made(parts.join(""));
  };
  return format(template, 1);
}

function endOfField(text: string, from: number): number {
  let depth = 0;
  for (let i = from; i < text.length; i++) {
    if (text[i] === "{") depth++;
    else if (text[i] === "}" && --depth === 0) return i;
  }
  return -1;
}

function formatField(
  allowance: Allowance,
  field: string,
  argumentAt: (key: string) => Value,
  formatInner: (spec: string) => string,
): string {
  allowance.spend();
  const match = /^([^!:[\].]*)((?:\.[^!:[\].]+|\[[^\]]+\])*)(?:!([rsa]))?(?::([^]*))?$/u.exec(field);
  if (match === null) throw renderError(`the field ${shown(`{${field}}`)} of a format is not understood`);
  const [, key, path, conversion, spec = ""] = match;
  let value = argumentAt(key);
  for (const [, name, index] of path.matchAll(/\.([^!:[\].]+)|\[([^\]]+)\]/gu))
    value = lookUp(allowance, value, name ?? index);
  if (value instanceof Undefined) throw renderError(value.problem);
  if (conversion !== undefined) value = conversion === "s" ? toText(allowance, value) : repr(allowance, value);
  return formatSpec(allowance, value, formatInner(spec));
}

function lookUp(allowance: Allowance, value: Value, key: string): Value {
  const found =
    value instanceof Dict
      ? value.get(key)
      : /^\d{1,15}$/.test(key)
        ? elementAt(allowance, value, BigInt(key))
        : value instanceof TemplateObject
          ? value.attribute(key)
          : undefined;
  if (found === undefined) throw renderError(`a format asks for ${shown(key)}, which its argument does not have`);
  return found;
}
