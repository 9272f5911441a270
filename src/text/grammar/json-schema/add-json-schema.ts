import { parseJson } from "../../../util/json.ts";
import type { Expression } from "../expression.ts";
import type { RuleSet } from "../rule-set.ts";
import { SchemaReader } from "./schema-reader.ts";

const limits = { maxBytes: 2 ** 20, maxDepth: 256 };

/**
 * JSON that fulfils a JSON Schema (draft 7 or 2020-12), given as JSON text. Members come in the order in which the schema names them. Throws
 * FormatError for malformed JSON, RequestError naming the place of what is malformed or cannot be honoured.
 */
export function addJsonSchema(schema: string, rules: RuleSet): Expression {
  const root = parseJson(new TextEncoder().encode(schema), "the JSON schema", limits);
  return new SchemaReader(root, rules).read({ value: root, path: "#" });
}
