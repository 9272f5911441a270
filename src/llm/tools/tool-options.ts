import { RequestError } from "../../util/errors.ts";
import type { ChatOptions } from "../generation-options.ts";

/** A tool as the OpenAI API has it, and as chat templates write it. */
export interface Tool {
  readonly type: "function";
  readonly function: {
    readonly name: string;
    readonly description?: string | undefined;
    /** JSON Schema of the arguments; absent: there are none. */
    readonly parameters?: Readonly<Record<string, unknown>> | undefined;
  };
}

/** "auto": the model decides; "required": it calls at least one; a name: it calls that one, once. */
export type ToolChoice = "auto" | "none" | "required" | { readonly name: string };

export interface RespondOptions extends ChatOptions {
  readonly tools?: readonly Tool[] | undefined;
  /** Default "auto". */
  readonly toolChoice?: ToolChoice | undefined;
  /** Whether several calls may come at once, where `toolChoice` demands one. Default true. */
  readonly parallelToolCalls?: boolean | undefined;
}

const namePattern = /^[\w.-]{1,128}$/;

/** The tools that the model is told of. Throws RequestError for what is no tool, for names that are there twice, and for a choice of none. */
export function offeredTools({ tools = [], toolChoice = "auto" }: RespondOptions): readonly Tool[] {
  const names = new Set<string>();
  const option = "tools";
  tools.forEach((tool, i) => {
    const name: unknown = (tool as Partial<Tool> | null)?.function?.name;
    if (typeof name !== "string" || !namePattern.test(name))
      throw new RequestError(`tools[${i}] has no function with a name of letters, digits, ".", "_" and "-"`, {
        option,
      });
    if (names.has(name)) throw new RequestError(`tools[${i}]: there is another ${name}`, { option });
    names.add(name);
  });
  if (typeof toolChoice === "object" && !names.has(toolChoice.name))
    throw new RequestError("toolChoice names a tool that is not among the tools", { option: "toolChoice" });
  if (toolChoice === "required" && tools.length === 0)
    throw new RequestError("toolChoice is required, and there are no tools", { option: "toolChoice" });
  return toolChoice === "none" ? [] : tools;
}

/** Whether a tool takes a text in a parameter, and nothing else. */
export function isTextOf(tool: Tool | undefined, parameter: string): boolean {
  return schemasOf(tool).some(([name, schema]) => name === parameter && schema.type === "string");
}

/** The parameters of a tool that have a schema, in its order. */
export function schemasOf(tool: Tool | undefined): readonly (readonly [name: string, schema: Schema])[] {
  const { properties } = (tool?.function.parameters ?? {}) as { readonly properties?: unknown };
  if (typeof properties !== "object" || properties === null) return [];
  return Object.entries(properties).map(([name, schema]) => [
    name,
    typeof schema === "object" && schema !== null ? (schema as Schema) : {},
  ]);
}

export type Schema = Readonly<Record<string, unknown>>;
