import type { Command } from "commander";
import { defineBenchRun } from "./bench-run.ts";

const examples = `
Examples:
  fewbit bench run ./my-model
  fewbit bench run ./my-model -p 512 -n 128 -r 3 --json`;

export function defineBench(command: Command): void {
  command.addHelpText("after", examples);
  defineBenchRun(command.command("run"));
}
