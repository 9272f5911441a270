import { getItem } from "./attributes.ts";
import type { Allowance } from "./allowance.ts";
import { renderError } from "./template-errors.ts";
import { Undefined, type Value } from "./values.ts";

export type Getter = (value: Value) => Value;

/**
 * What filters call an attribute: `"address.city"`, `"0.name"` or an index; the value itself where there is none. `fallback` stands for
 * what is undefined on the way.
 */
export function attributeGetter(allowance: Allowance, attribute: Value | undefined, fallback?: Value): Getter {
  if (attribute == null) return (value) => value;
  const parts = partsOf(attribute);
  return (value) => {
    let found = value;
    for (const part of parts) {
      found = getItem(allowance, found, part);
      if (found instanceof Undefined && fallback != null) found = fallback;
    }
    return found;
  };
}

function partsOf(attribute: Value): readonly Value[] {
  if (typeof attribute === "bigint") return [attribute];
  if (typeof attribute !== "string") throw renderError("an attribute is named by a string or an index");
  return attribute.split(".").map((part) => (/^\d{1,15}$/.test(part) ? BigInt(part) : part));
}

/** Text in lower case, where case does not count. */
export function withCase(allowance: Allowance, getter: Getter, isCaseSensitive: boolean): Getter {
  if (isCaseSensitive) return getter;
  return (value) => {
    const found = getter(value);
    if (typeof found !== "string") return found;
    allowance.spend(found.length / 8);
    return allowance.made(found.toLowerCase());
  };
}
