import { Command, type ParseOptionsResult } from "commander";
import { closest } from "./closest.ts";

/**
 * A command that refuses a flag which it does not have before it asks for those that it lacks: whoever slips at `--to` is told of the slip,
 * not that `--to` is missing. Every flag that it takes is offered, and where flags are its subcommands', they are named.
 */
export class StrictCommand extends Command {
  override createCommand(name?: string): Command {
    return new StrictCommand(name);
  }

  override parseOptions(args: string[]): ParseOptionsResult {
    const parsed = super.parseOptions(args);
    // What a command with subcommands does not know may be theirs.
    const flag = this.commands.length > 0 ? undefined : parsed.unknown.find((each) => each.startsWith("-"));
    if (flag !== undefined && !parsed.unknown.some((each) => helpFlags.includes(each))) this.unknownOption(flag);
    return parsed;
  }

  /** Commander calls it too, where a subcommand should stand. Throws. */
  unknownOption(given: string): never {
    const flag = given.replace(/=.*$/s, "");
    return this.error(`error: unknown option '${flag}'${this.#hint(flag)}`, { code: "commander.unknownOption" });
  }

  #hint(flag: string): string {
    const own = closest(flag, longFlags([this, ...(this.parent ? [this.parent] : [])]));
    if (own !== undefined) return ` (Did you mean ${own}?)`;
    const meant = closest(flag, longFlags(this.commands));
    if (meant === undefined) return "";
    const takers = this.commands.filter((command) => longFlags([command]).includes(meant));
    return `; ${meant} goes behind a command: ${takers.map((command) => command.name()).join(", ")}`;
  }
}

/** Commander's own, which it takes out of the unknown later. */
const helpFlags = ["-h", "--help"];

function longFlags(commands: readonly Command[]): readonly string[] {
  return ["--help", ...commands.flatMap(({ options }) => options.flatMap(({ long }) => long ?? []))];
}
