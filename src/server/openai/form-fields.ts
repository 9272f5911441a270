import { z } from "zod";
import type { FormOptions } from "../../llm/answer-grammar.ts";
import type { GrammarSpec } from "../../text/grammar/grammar-spec.ts";
import { ApiError } from "../api-error.ts";

const schema = z.union([z.looseObject({}), z.boolean(), z.string()]);
const choices = z.array(z.string()).min(1).max(1024);

/** What answers must look like: by OpenAI's name, by vLLM's old and new ones, and by llama-server's. */
export const formFields = {
  response_format: z
    .discriminatedUnion("type", [
      z.object({ type: z.literal("text") }),
      z.object({ type: z.literal("json_object"), schema: schema.nullish() }),
      z.object({
        type: z.literal("json_schema"),
        json_schema: z.object({ name: z.string().nullish(), strict: z.boolean().nullish(), schema }),
      }),
    ])
    .nullish(),
  guided_json: schema.nullish(),
  guided_regex: z.string().nullish(),
  guided_choice: choices.nullish(),
  guided_grammar: z.string().nullish(),
  structured_outputs: z
    .strictObject({
      json: schema.nullish(),
      json_object: z.boolean().nullish(),
      regex: z.string().nullish(),
      choice: choices.nullish(),
      grammar: z.string().nullish(),
    })
    .nullish(),
  json_schema: schema.nullish(),
  grammar: z.string().nullish(),
};

type FormFields = z.infer<z.ZodObject<typeof formFields>>;

/** Throws ApiError 400 where several of them say what the answer must look like. */
export function formOptions(fields: FormFields): FormOptions {
  const { response_format: format, structured_outputs: outputs } = fields;
  const forms = Object.entries<FormOptions | undefined>({
    response_format: format == null ? undefined : formatOptions(format),
    guided_json: jsonOptions(fields.guided_json),
    guided_regex: regexOptions(fields.guided_regex),
    guided_choice: choiceOptions(fields.guided_choice),
    guided_grammar: grammarOptions(fields.guided_grammar),
    "structured_outputs.json": jsonOptions(outputs?.json),
    "structured_outputs.json_object": outputs?.json_object ? { responseFormat: { type: "json_object" } } : undefined,
    "structured_outputs.regex": regexOptions(outputs?.regex),
    "structured_outputs.choice": choiceOptions(outputs?.choice),
    "structured_outputs.grammar": grammarOptions(outputs?.grammar),
    json_schema: jsonOptions(fields.json_schema),
    grammar: grammarOptions(fields.grammar),
  }).filter(([, options]) => options !== undefined);
  if (forms.length > 1) {
    const names = forms.map(([name]) => name).join(" and ");
    throw new ApiError(400, "invalid_request_error", `${names} each say what the answer must look like; send one`, {
      param: forms[1][0],
    });
  }
  return forms[0]?.[1] ?? {};
}

function formatOptions(format: NonNullable<FormFields["response_format"]>): FormOptions | undefined {
  switch (format.type) {
    case "text":
      return undefined;
    case "json_object":
      return format.schema == null ? { responseFormat: { type: "json_object" } } : { jsonSchema: format.schema };
    case "json_schema":
      return { jsonSchema: format.json_schema.schema };
    default:
      throw format satisfies never;
  }
}

type Given<Value> = Value | null | undefined;

function jsonOptions(jsonSchema: Given<FormFields["guided_json"]>): FormOptions | undefined {
  return jsonSchema == null ? undefined : { jsonSchema };
}

function regexOptions(regex: Given<string>): FormOptions | undefined {
  return regex == null ? undefined : { regex };
}

function grammarOptions(grammar: Given<string>): FormOptions | undefined {
  return grammar == null ? undefined : { grammar };
}

function choiceOptions(texts: Given<readonly string[]>): FormOptions | undefined {
  if (texts == null) return undefined;
  const options = texts.map((text): GrammarSpec => ({ kind: "literal", text }));
  return { grammar: { kind: "choice", options } };
}
