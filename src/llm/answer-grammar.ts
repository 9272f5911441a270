import type { GrammarSpec } from "../text/grammar/grammar-spec.ts";
import type { CompiledGrammar } from "../text/grammar/compiled-grammar.ts";
import type { GrammarCache } from "../text/grammar/grammar-cache.ts";
import { RequestError } from "../util/errors.ts";

/**
 * What an answer must look like; at most one of these. Towards the end of its tokens only what still leaves room to close it is drawn:
 * where `maxTokens` is enough for the shortest text of that form, the answer is whole.
 */
export interface FormOptions {
  /** As the OpenAI API has it: `{ type: "json_object" }` or `{ type: "json_schema", json_schema: { schema } }`. Default "text". */
  readonly responseFormat?: ResponseFormat | undefined;
  /** The answer is JSON that this JSON Schema (draft 7 or 2020-12) allows, its members in the order of the schema. An object, or JSON text. */
  readonly jsonSchema?: object | boolean | string | undefined;
  /** The answer is what this regular expression of JavaScript's matches from begin to end. */
  readonly regex?: string | undefined;
  /** The answer is what this grammar matches: in llama.cpp's GBNF or in Lark's form, or put together from parts. */
  readonly grammar?: string | GrammarSpec | undefined;
}

export type ResponseFormat =
  | { readonly type: "text" | "json_object" }
  | { readonly type: "json_schema"; readonly json_schema: { readonly schema?: unknown } };

/** Undefined: the answer may be anything. Throws RequestError for several of them, and for what cannot be honoured. */
export async function answerGrammar(
  options: FormOptions,
  grammars: GrammarCache,
): Promise<CompiledGrammar | undefined> {
  const { responseFormat, jsonSchema, regex, grammar } = options;
  const given = Object.entries({
    responseFormat: responseFormat && formatGrammar(responseFormat),
    jsonSchema: jsonSchema === undefined ? undefined : schemaGrammar(jsonSchema),
    regex: regex === undefined ? undefined : ({ kind: "regex", pattern: regex } as const),
    grammar: typeof grammar === "string" ? ({ kind: "ebnf", source: grammar } as const) : grammar,
  }).filter(([, spec]) => spec !== undefined);
  if (given.length > 1)
    throw new RequestError(
      `${given.map(([name]) => name).join(" and ")} each say what the answer must look like; give one`,
    );
  if (given.length === 0) return undefined;
  const [[option, spec]] = given as [[string, GrammarSpec]];
  try {
    return await grammars.compiled(spec);
  } catch (error) {
    throw error instanceof RequestError ? new RequestError(error.message, { option, cause: error }) : error;
  }
}

function formatGrammar(format: ResponseFormat): GrammarSpec | undefined {
  switch (format.type) {
    case "text":
      return undefined;
    case "json_object":
      return { kind: "json-object" };
    case "json_schema":
      return format.json_schema.schema === undefined
        ? { kind: "json-object" }
        : schemaGrammar(format.json_schema.schema);
    default:
      throw new RequestError('responseFormat: the type must be "text", "json_object" or "json_schema"');
  }
}

function schemaGrammar(schema: unknown): GrammarSpec {
  return { kind: "json-schema", schema: typeof schema === "string" ? schema : jsonOf(schema) };
}

function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "";
  } catch (cause) {
    // Nested too deeply for the stack, or in itself.
    throw new RequestError(`the JSON schema cannot be written as JSON: ${(cause as Error).message}`, { cause });
  }
}
