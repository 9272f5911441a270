import { z } from "zod";
import type { RespondOptions } from "../../llm/tools/tool-options.ts";

const mostTools = 128;

/** JSON Schema of a tool's arguments. */
export const parametersSchema = z.record(z.string(), z.unknown());

/** The fields of a chat that tell of tools. */
export const toolFields = {
  tools: z
    .array(
      z.object({
        type: z.literal("function"),
        function: z.object({
          name: z.string(),
          description: z.string().nullish(),
          parameters: parametersSchema.nullish(),
        }),
      }),
    )
    .max(mostTools)
    .nullish(),
  tool_choice: z
    .union([
      z.enum(["none", "auto", "required"]),
      z.object({ type: z.literal("function"), function: z.object({ name: z.string() }) }),
    ])
    .nullish(),
  parallel_tool_calls: z.boolean().nullish(),
};

type ToolFields = z.infer<z.ZodObject<typeof toolFields>>;

export function toolOptions(fields: ToolFields): Pick<RespondOptions, "tools" | "toolChoice" | "parallelToolCalls"> {
  const { tools, tool_choice: choice, parallel_tool_calls: parallel } = fields;
  return {
    ...(tools != null && { tools: tools.map(({ function: each }) => toolOf(each)) }),
    ...(choice != null && { toolChoice: typeof choice === "string" ? choice : choice.function }),
    ...(parallel != null && { parallelToolCalls: parallel }),
  };
}

interface FunctionFields {
  readonly name: string;
  readonly description?: string | null | undefined;
  readonly parameters?: Readonly<Record<string, unknown>> | null | undefined;
}

/** A tool as the facade takes it, in whatever form an API names it. */
export function toolOf({ name, description, parameters }: FunctionFields) {
  return {
    type: "function",
    function: { name, ...(description != null && { description }), ...(parameters != null && { parameters }) },
  } as const;
}
