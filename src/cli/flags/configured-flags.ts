import type { Command, Option } from "commander";
import { didYouMean } from "../closest.ts";
import { UsageError } from "../usage-error.ts";
import { readConfigFile, type ConfigValue } from "./config-file.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** What the source of a flag's value is called, where it was configured and not given. */
export const configured = "config";

/**
 * Lets flags that are not on the command line come from the environment, `PREFIX_PORT` for --port, and then from the file of --config.
 * Throws UsageError for keys that are no flags, and for values that a flag does not take; what readConfigFile throws.
 */
export function addConfiguredFlags(command: Command, prefix: string, environment: Environment = process.env): void {
  command.option(
    "--config <path>",
    `flags in YAML or JSON, a line like port: 9000 for each; ${prefix}_PORT=9000 comes before the file`,
  );
  command.hook("preAction", async (_, action) => {
    const path = action.opts<{ readonly config?: string }>().config ?? environment[`${prefix}_CONFIG`];
    const inFile = path ? flagsOfFile(action, await readConfigFile(path), path) : new Map<string, Configured>();
    for (const attribute of new Set(action.options.map((option) => option.attributeName()))) {
      if (action.getOptionValueSource(attribute) === "cli") continue;
      const found = inEnvironment(action, attribute, prefix, environment) ?? inFile.get(attribute);
      if (found !== undefined) set(action, found);
    }
  });
}

interface Configured {
  readonly option: Option;
  readonly value: ConfigValue;
  /** For messages. */
  readonly where: string;
}

/** By attribute, since a flag may go by several names. */
function flagsOfFile(
  command: Command,
  values: ReadonlyMap<string, ConfigValue>,
  path: string,
): ReadonlyMap<string, Configured> {
  const found = new Map<string, Configured>();
  for (const [key, value] of values) {
    const option = optionOf(command, key);
    if (option === undefined) {
      const typed = key.replaceAll("_", "-").replaceAll(/\B[A-Z]/g, "-$&");
      const hint = didYouMean(typed, command.options.filter(isConfigurable).map(longName));
      throw new UsageError(`${path}: ${key} is no flag of this command${hint}`);
    }
    const attribute = option.attributeName();
    if (found.has(attribute)) throw new UsageError(`${path}: ${key} is given twice, under two of its names`);
    found.set(attribute, { option, value, where: `${path}: ${key}` });
  }
  return found;
}

function inEnvironment(
  command: Command,
  attribute: string,
  prefix: string,
  environment: Environment,
): Configured | undefined {
  for (const option of command.options) {
    if (option.attributeName() !== attribute) continue;
    const variable = `${prefix}_${longName(option).toUpperCase().replaceAll("-", "_")}`;
    const value = environment[variable];
    if (value) return { option, value, where: variable };
  }
  return undefined;
}

/** "max-num-seqs" as on the command line, or maxNumSeqs, or max_num_seqs. */
function optionOf(command: Command, key: string): Option | undefined {
  const plain = (name: string): string => name.replaceAll(/[-_]/g, "").toLowerCase();
  return command.options.find((option) => isConfigurable(option) && plain(longName(option)) === plain(key));
}

/** A file does not name another one. */
function isConfigurable(option: Option): boolean {
  return longName(option) !== "config";
}

function longName({ long }: Option): string {
  return (long ?? "").replace(/^--/, "");
}

function set(command: Command, { option, value, where }: Configured): void {
  const attribute = option.attributeName();
  const refuse = (reason = `is not what ${option.flags} takes`): never => {
    throw new UsageError(`${where}: ${JSON.stringify(value)} ${reason}`);
  };
  const isSwitch = !option.required && !option.optional;
  if (isSwitch) {
    const isOn = /^(true|1)$/i.test(String(value));
    if (!isOn && !/^(false|0)$/i.test(String(value))) refuse();
    command.setOptionValueWithSource(attribute, isOn, configured);
    return;
  }
  const texts = [value].flat();
  const { parseArg } = option;
  let parsed: unknown = option.variadic || texts.length > 1 ? texts : texts[0];
  try {
    // A flag that may be given several times adds to what it had before.
    if (parseArg) parsed = texts.reduce<unknown>((before, text) => parseArg(text, before), undefined);
  } catch (error) {
    refuse(`is refused: ${(error as Error).message}`); // InvalidArgumentError, which knows only of the value
  }
  const takesLists = option.variadic || (parseArg !== undefined && Array.isArray(parsed));
  if (Array.isArray(value) && !takesLists) refuse();
  command.setOptionValueWithSource(attribute, parsed, configured);
}
