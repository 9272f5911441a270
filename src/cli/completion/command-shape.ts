import type { Argument, Command, Option } from "commander";

/** A command as completion sees it. */
export interface CommandShape {
  /** "/eval/logits"; "" is the program itself. */
  readonly path: string;
  readonly name: string;
  readonly summary: string;
  readonly subcommands: readonly CommandShape[];
  readonly flags: readonly FlagShape[];
  /** What its first argument is; undefined: it takes none. */
  readonly argument: ShellValue | undefined;
}

export interface FlagShape {
  /** "-m", "--model". */
  readonly names: readonly string[];
  readonly description: string;
  /** Undefined: it takes none. */
  readonly value: ShellValue | undefined;
}

/** One of these words, the name of a file or of a model on the disk, or something that cannot be foretold. */
export type ShellValue = { readonly choices: readonly string[] } | "file" | "model" | "text";

/** The shape of a program all of whose commands are defined. What help does not show is left out: aliases, that is. */
export function shapeOf(command: Command, parentPath = ""): CommandShape {
  const path = command.parent === null ? "" : `${parentPath}/${command.name()}`;
  return {
    path,
    name: command.name(),
    summary: command.description(),
    subcommands: command.commands.map((subcommand) => shapeOf(subcommand, path)),
    flags: [
      ...command.options.filter(({ hidden }) => !hidden).map(flagShape),
      { names: ["-h", "--help"], description: "help for the command", value: undefined },
    ],
    argument: command.registeredArguments.map(argumentValue)[0],
  };
}

/** A command and all below it. */
export function allCommands(command: CommandShape): readonly CommandShape[] {
  return [command, ...command.subcommands.flatMap(allCommands)];
}

function flagShape(option: Option): FlagShape {
  const { short, long, description } = option;
  return {
    names: [short, long].filter((name) => name !== undefined),
    description,
    value: option.required || option.optional ? flagValue(option) : undefined,
  };
}

function flagValue({ flags, argChoices }: Option): ShellValue {
  const [, placeholder = ""] = /[<[](\w+)/.exec(flags) ?? [];
  return shellValue(placeholder, argChoices);
}

function argumentValue(argument: Argument): ShellValue {
  return shellValue(argument.name(), argument.argChoices);
}

/** By its placeholder: "<file>". */
function shellValue(placeholder: string, choices: readonly string[] | undefined): ShellValue {
  if (choices !== undefined) return { choices };
  if (placeholder === "model") return "model";
  return ["file", "folder", "dir", "path"].includes(placeholder) ? "file" : "text";
}

/** Of files that hold models, as command lines name them. */
export const modelExtensions = ["gguf", "safetensors", "bin"] as const;
