import { seededRandom } from "../support/seeded-random.ts";

type Random = (below: number) => number;

const names = ["name", "age", "tags", "size", "a/b", 'q"uote', "ünï", "id", "next", "x y"];
const patterns = [
  "^[a-z]{2,6}$",
  "[0-9]{3}",
  "^(foo|bar)[-_]\\d+$",
  '^[^\\s"]+\\\\?$',
  "\\.(js|ts)$",
  "^\\p{Lu}\\p{Ll}*$",
];
const formats = [
  "date",
  "time",
  "date-time",
  "duration",
  "email",
  "hostname",
  "ipv4",
  "ipv6",
  "uuid",
  "uri",
  "json-pointer",
];

/** A schema of many keywords; the same for the same seed. Every one of them can be fulfilled. */
export function randomSchema(seed: number): object {
  const random = seededRandom(seed);
  const schema = schemaOf(random, 3);
  if (seed % 5 !== 0) return schema;
  const item = schemaOf(random, 1);
  const next = random(2) === 0 ? { anyOf: [{ $ref: "#/$defs/node" }, { type: "null" }] } : { $ref: "#/$defs/list" };
  return {
    $ref: "#/$defs/node",
    $defs: {
      node: { type: "object", properties: { item, next }, required: ["item", "next"], additionalProperties: false },
      list: { type: "array", items: { $ref: "#/$defs/node" }, maxItems: 2 },
    },
  };
}

function schemaOf(random: Random, depth: number): object {
  const makers = [
    stringOf,
    integerOf,
    numberOf,
    listedOf,
    ...(depth > 0 ? [objectOf, objectOf, arrayOf, eitherOf, bothOf] : []),
  ];
  return makers[random(makers.length)](random, depth);
}

function stringOf(random: Random): object {
  const min = random(4);
  switch (random(5)) {
    case 0:
      return { type: "string", pattern: patterns[random(patterns.length)] };
    case 1:
      return { type: "string", format: formats[random(formats.length)] };
    case 2:
      return { type: "string", pattern: "^[a-z0-9]*$", minLength: min, maxLength: min + random(9) };
    case 3:
      return { type: ["string", "null"], minLength: min };
    default:
      return { type: "string", minLength: min, maxLength: min + random(20) };
  }
}

function integerOf(random: Random): object {
  const minimum = random(2000) - 1000;
  const bounds = [
    { minimum, maximum: minimum + random(300) },
    { exclusiveMinimum: minimum },
    { exclusiveMaximum: minimum },
    { minimum, multipleOf: 1 + random(12) },
    {},
  ];
  return { type: "integer", ...bounds[random(bounds.length)] };
}

function numberOf(random: Random): object {
  const scale = 10 ** random(6);
  const minimum = (random(20_000) - 10_000) / scale;
  const bounds = [
    { minimum, maximum: minimum + (1 + random(1000)) / 100 },
    { exclusiveMinimum: minimum, exclusiveMaximum: minimum + (1 + random(50)) / 10 },
    { minimum },
    { exclusiveMaximum: minimum },
    {},
  ];
  return { type: "number", ...bounds[random(bounds.length)] };
}

function listedOf(random: Random): object {
  const values = ["red", 'gr\n"een', 3, -0.5, null, true, [1, "a"], { b: 2 }];
  if (random(3) === 0) return { const: values[random(values.length)] };
  const start = random(4);
  return { enum: values.slice(start, start + 1 + random(4)) };
}

function objectOf(random: Random, depth: number): object {
  const chosen = names.filter(() => random(3) === 0);
  const properties = Object.fromEntries(chosen.map((name) => [name, schemaOf(random, depth - 1)]));
  const others = [false, { type: "integer" }, schemaOf(random, 0)][random(3)];
  return {
    type: "object",
    properties,
    required: chosen.filter(() => random(2) === 0),
    additionalProperties: others,
    ...(random(4) === 0 && { patternProperties: { "^k[0-9]$": { type: "boolean" } } }),
    ...(random(4) === 0 && { maxProperties: chosen.length + 1 }),
    ...(random(4) === 0 && chosen.length > 0 && { minProperties: 1 }),
    ...(random(6) === 0 && { propertyNames: { maxLength: 8 } }),
  };
}

function arrayOf(random: Random, depth: number): object {
  const min = random(3);
  const max = min + random(4);
  if (random(3) > 0) return { type: "array", items: schemaOf(random, depth - 1), minItems: min, maxItems: max };
  const prefixItems = [schemaOf(random, depth - 1), schemaOf(random, 0)];
  return {
    type: "array",
    prefixItems,
    items: random(2) === 0 ? false : { type: "boolean" },
    minItems: min,
    maxItems: Math.max(2, max),
  };
}

function eitherOf(random: Random, depth: number): object {
  if (random(2) === 0) return { anyOf: [schemaOf(random, depth - 1), schemaOf(random, depth - 1)] };
  const branch = (kind: string): object => ({
    type: "object",
    properties: { kind: { const: kind }, value: schemaOf(random, depth - 1) },
    required: ["kind", "value"],
  });
  return { oneOf: [branch("a"), branch("b"), { type: "string", maxLength: 3 }] };
}

function bothOf(random: Random, depth: number): object {
  return {
    allOf: [
      { type: "object", properties: { a: schemaOf(random, depth - 1) }, required: ["a"] },
      { properties: { a: {}, b: schemaOf(random, 0) }, additionalProperties: false },
    ],
  };
}

/** A regular expression; the same for the same seed. */
export function randomRegex(seed: number): string {
  const random = seededRandom(1000 + seed);
  return alternation(random, 1);
}

function alternation(random: Random, depth: number): string {
  const parts = Array.from({ length: 1 + random(3) }, () => sequence(random, depth));
  return parts.join("|");
}

function sequence(random: Random, depth: number): string {
  return Array.from(
    { length: 1 + random(3) },
    () => atom(random, depth) + ["", "", "*", "+", "?", "{2}", "{1,3}", "{2,}", "*?"][random(9)],
  ).join("");
}

function atom(random: Random, depth: number): string {
  const atoms = [
    "a",
    "xyz"[random(3)],
    "\\d",
    "\\w",
    "\\s",
    "[a-f0-9]",
    "[^a-z]",
    ".",
    "é",
    "日",
    "\\.",

    "[\\u{1f600}-\\u{1f64f}]",
    "\\n",
  ];
  if (depth > 0 && random(3) === 0) return `(${random(2) === 0 ? "?:" : ""}${alternation(random, depth - 1)})`;
  return atoms[random(atoms.length)];
}
