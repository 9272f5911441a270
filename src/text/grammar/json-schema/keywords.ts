/** What a schema says about itself or to people; allows nothing more and nothing less. */
export const annotations: ReadonlySet<string> = new Set([
  ...["$schema", "$id", "id", "$comment", "$defs", "definitions", "$vocabulary", "$anchor"],
  ...["title", "description", "default", "example", "examples", "deprecated", "readOnly", "writeOnly"],
  ...["contentEncoding", "contentMediaType", "contentSchema", "markdownDescription", "enumDescriptions"],
  ...["discriminator", "xml", "externalDocs", "propertyOrdering", "strict"],
]);

/** The keywords that are honoured, by the type of value that they are about; "any": about all. */
export const keywords = {
  any: ["type", "enum", "const", "$ref", "allOf", "anyOf", "oneOf", "nullable", "format"],
  string: ["minLength", "maxLength", "pattern"],
  number: ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"],
  array: ["items", "prefixItems", "additionalItems", "minItems", "maxItems", "uniqueItems"],
  object: [
    ...["properties", "required", "additionalProperties", "patternProperties", "propertyNames"],
    ...["minProperties", "maxProperties"],
  ],
} as const satisfies Record<string, readonly string[]>;

export const knownKeywords: ReadonlySet<string> = new Set(Object.values(keywords).flat());
