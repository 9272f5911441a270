import { Option, type Command } from "commander";
import { UsageError } from "../usage-error.ts";
import { addOptionWithAliases } from "./alias-option.ts";

export interface ModelFlag {
  readonly model?: string;
}

export const modelDescription =
  "a folder with a checkpoint, a file of weights, or org/name on the Hub (default: the model of the checkout)";

/** `-m`, which always means the model. */
export function addModelFlag(command: Command): void {
  addOptionWithAliases(command, new Option("-m, --model <model>", "the model, whatever it looks like"), [
    "--model-id",
    "--hf-repo",
  ]);
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
