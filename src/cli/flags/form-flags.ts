import { readFile, stat } from "node:fs/promises";
import type { Command } from "commander";
import type { FormOptions } from "../../llm/answer-grammar.ts";
import { UsageError } from "../usage-error.ts";

export interface FormFlags {
  readonly jsonSchema?: string;
  readonly grammarFile?: string;
  readonly regex?: string;
}

/** Far more than a grammar may have. */
const mostBytes = 4 * 2 ** 20;

export function addFormFlags(command: Command): void {
  command
    .optionsGroup("Form of the answer:")
    .option("--json-schema <file or JSON>", "JSON that this schema allows; true is any JSON")
    .option("--regex <pattern>", "what this regular expression matches from begin to end")
    .option("--grammar-file <file>", "what this grammar matches, in GBNF or Lark's form");
}

/** Reads what the flags name. Throws UsageError for more than one of them, and for files that cannot be read. */
export async function formOptions({ jsonSchema, grammarFile, regex }: FormFlags): Promise<FormOptions> {
  const given = Object.entries({ "--json-schema": jsonSchema, "--grammar-file": grammarFile, "--regex": regex })
    .filter(([, value]) => value !== undefined)
    .map(([name]) => name);
  if (given.length > 1)
    throw new UsageError(`${given.join(" and ")} each say what the answer must look like; give one`);
  if (regex !== undefined) return { regex };
  if (grammarFile !== undefined) return { grammar: await readText("--grammar-file", grammarFile) };
  if (jsonSchema === undefined) return {};
  const isJson = /^\s*(?:\{|true\s*$|false\s*$)/.test(jsonSchema);
  return { jsonSchema: isJson ? jsonSchema : await readText("--json-schema", jsonSchema) };
}

async function readText(flag: string, path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > mostBytes) throw new UsageError(`${flag}: ${path} has ${size} bytes; at most ${mostBytes} are read`);
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`${flag}: ${path} cannot be read: ${(error as Error).message}`);
  }
}
