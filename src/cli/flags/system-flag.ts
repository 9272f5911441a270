import { Option, type Command } from "commander";
import { addOptionWithAliases } from "./alias-option.ts";

export interface SystemFlag {
  readonly system?: string;
}

export function addSystemFlag(command: Command): void {
  addOptionWithAliases(command, new Option("--system <text>", "a system message before the first message"), [
    "--system-prompt",
  ]);
}
