import { Option, type Command } from "commander";

/**
 * Adds a flag, and the names that it has in other programs ("--temp"): they are parsed alike, stand for it, and are named at
 * the end of its help.
 */
export function addOptionWithAliases(command: Command, option: Option, aliases: readonly `--${string}`[]): void {
  option.description += ` (also ${aliases.join(", ")})`;
  command.addOption(option);
  for (const alias of aliases) command.addOption(new AliasOption(option, alias).hideHelp());
}

class AliasOption extends Option {
  readonly #canonical: Option;

  constructor(canonical: Option, name: string) {
    // "-n, --max-tokens <count>": what follows the last flag is the value.
    const [value = ""] = / [<[].*$/.exec(canonical.flags) ?? [];
    super(name + value);
    this.#canonical = canonical;
    // commander leaves them out where there are none, and declares them otherwise.
    const { parseArg, argChoices } = canonical as Partial<Option>;
    if (parseArg !== undefined) this.parseArg = parseArg;
    if (argChoices !== undefined) this.argChoices = argChoices;
  }

  override attributeName(): string {
    return this.#canonical.attributeName();
  }
}
