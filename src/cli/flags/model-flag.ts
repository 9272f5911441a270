import { Option, type Command } from "commander";
import { UsageError } from "../usage-error.ts";
import { addOptionWithAliases } from "./alias-option.ts";
import { collect } from "./collect.ts";

export interface ModelFlag {
  readonly model?: string;
}

export const modelDescription =
  "a folder with a checkpoint, a file of weights, or org/name on the Hub (default: the model of the checkout)";

const flags = "-m, --model <model>";
const aliases = ["--model-id", "--hf-repo"] as const;

/** `-m`, which always means the model. */
export function addModelFlag(command: Command): void {
  addOptionWithAliases(command, new Option(flags, "the model, whatever it looks like"), aliases);
}

export interface ModelsFlag {
  readonly model?: readonly string[];
}

/** `-m` of a command that takes several models. */
export function addModelsFlag(command: Command): void {
  const description = "a model, whatever it looks like; may be given several times";
  addOptionWithAliases(command, new Option(flags, description).argParser(collect), aliases);
}

/** MODEL as an argument or as a flag, whichever people are used to. */
export function addModel(command: Command): void {
  command.argument("[model]", modelDescription);
  addModelFlag(command);
}

/** The model that is named in either way; undefined: none is. Throws UsageError where both ways are used. */
export function namedModel(argument: string | undefined, { model }: ModelFlag): string | undefined {
  if (argument !== undefined && model !== undefined)
    throw new UsageError(`${JSON.stringify(argument)} is one argument too many: --model gives the model already`);
  return argument ?? model;
}
