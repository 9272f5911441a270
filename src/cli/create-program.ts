import type { Command } from "commander";
import { commands } from "./commands.ts";
import { readableWidth } from "./readable-width.ts";
import { StrictCommand } from "./strict-command.ts";
import { version } from "../util/version.ts";

const examples = `
Examples:
  fewbit run "Why is the sky blue?"
  fewbit chat ./my-model
  fewbit inspect ./my-model

"fewbit COMMAND --help" has the flags of a command, and examples. MODEL is a folder with a Hugging Face checkpoint, a file of
weights, or org/name on the Hub; without one, the model that comes with a checkout is used.

Exit status: 0; 1 a failure that the message explains; 2 wrong usage; 130 interrupted.
Environment: docs/env.md lists the variables that count.`;

/** All commands by name and summary, the one that the command line names with all it has. `completion` wants them all so. */
export async function createProgram(args: readonly string[]): Promise<Command> {
  const program = new StrictCommand("fewbit")
    .description("An engine for few-bit LLM checkpoints.")
    .version(version)
    .helpCommand(true)
    .addHelpText("after", examples)
    .exitOverride()
    .configureHelp({ helpWidth: readableWidth(process.stdout) })
    // Errors are reported once, in one form, by whoever runs it.
    .configureOutput({ outputError: () => undefined });
  // `fewbit help run` names the command second.
  const named = args[0] === "help" ? args[1] : args[0];
  for (const { name, summary, load } of commands) {
    const command = program.command(name).description(summary);
    if (name === named || named === "completion") (await load())(command);
  }
  return program;
}
