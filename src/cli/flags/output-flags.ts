import type { Command } from "commander";

/** What every command takes, whatever it does. */
export interface OutputFlags {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
}

export function addOutputFlags(command: Command): Command {
  return command
    .optionsGroup("Output:")
    .option("--json", "print one JSON value on stdout and nothing else there")
    .option("--quiet", "no warnings and notes on stderr")
    .option("--verbose", "details on stderr, and stack traces with errors");
}
