import type { Command } from "commander";
import { defineBenchRun } from "./bench-run.ts";

export function defineBench(command: Command): void {
  defineBenchRun(command.command("run"));
}
