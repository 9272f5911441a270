import { parseArgs } from "node:util";

/**
 * The flags of a bench: whole numbers above 0 by their names, with what each is by default (undefined: nothing), `--json`, and the
 * arguments that are no flags.
 */
export function countFlags(defaults) {
  const counts = Object.fromEntries(Object.keys(defaults).map((name) => [name, { type: "string" }]));
  const options = { ...counts, json: { type: "boolean", default: false } };
  const { values, positionals } = parseArgs({ allowPositionals: true, options });
  const entries = Object.entries(defaults).map(([name, byDefault]) => {
    const number = values[name] === undefined ? byDefault : Number(values[name]);
    if (number === undefined || (Number.isInteger(number) && number > 0)) return [name, number];
    throw new Error(`--${name} ${values[name]}: a whole number above 0 is needed`);
  });
  return { ...Object.fromEntries(entries), json: values.json, positionals };
}
