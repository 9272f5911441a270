import { readFile } from "node:fs/promises";
import type { Command, Option } from "commander";
import { IoError } from "../../util/errors.ts";
import { isJsonObject, parseJsonObject, type JsonObject, type JsonValue } from "../../util/json.ts";
import { UsageError } from "../usage-error.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Lets flags that are not on the command line come from the environment, `PREFIX_PORT` for --port, and then from the JSON object of
 * --config, `{"port": 9000}`. Throws UsageError for keys that are no flags, and for values that a flag does not take.
 */
export function addConfiguredFlags(command: Command, prefix: string, environment: Environment = process.env): void {
  command.option("--config <path>", `flags as a JSON object; ${prefix}_PORT=… stands for --port, before the file`);
  command.hook("preAction", async (_, action) => {
    const { config } = action.opts<{ readonly config?: string }>();
    const path = config ?? environment[`${prefix}_CONFIG`];
    const values = path === undefined ? undefined : await readConfig(path);
    const unknown = Object.keys(values ?? {}).find((key) => optionOf(action, key) === undefined);
    if (unknown !== undefined) throw new UsageError(`${path}: ${unknown} is no flag of this command`);
    for (const option of action.options) {
      if (action.getOptionValueSource(option.attributeName()) === "cli") continue;
      const name = longName(option);
      const variable = `${prefix}_${name.toUpperCase().replaceAll("-", "_")}`;
      const fromEnvironment = environment[variable];
      const found = values?.[Object.keys(values).find((key) => optionOf(action, key) === option) ?? ""];
      if (fromEnvironment) set(action, option, fromEnvironment, variable);
      else if (found !== undefined) set(action, option, found, `${path}: ${name}`);
    }
  });
}

async function readConfig(path: string): Promise<JsonObject> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    throw new IoError(`${path}: there is no such file of flags, or it cannot be read`, { cause });
  }
  return parseJsonObject(bytes, path);
}

/** "max-num-seqs" as on the command line, or maxNumSeqs, or max_num_seqs. */
function optionOf(command: Command, key: string): Option | undefined {
  const plain = (name: string): string => name.replaceAll(/[-_]/g, "").toLowerCase();
  return command.options.find((option) => longName(option) !== "config" && plain(longName(option)) === plain(key));
}

function longName({ long }: Option): string {
  return (long ?? "").replace(/^--/, "");
}

function set(command: Command, option: Option, value: JsonValue, where: string): void {
  const refuse = (reason = `is not what ${option.flags} takes`): never => {
    throw new UsageError(`${where}: ${JSON.stringify(value)} ${reason}`);
  };
  const isSwitch = !option.required && !option.optional;
  if (isSwitch) {
    const isOn = value === true || value === "true" || value === "1";
    if (!isOn && value !== false && value !== "false" && value !== "0") refuse();
    command.setOptionValueWithSource(option.attributeName(), isOn, "config");
    return;
  }
  if (value === null || typeof value === "boolean" || isJsonObject(value)) return refuse();
  const texts = (Array.isArray(value) ? value : [value]).map((each: JsonValue) =>
    typeof each === "string" || typeof each === "number" ? String(each) : refuse(),
  );
  const { parseArg } = option;
  const isMany = option.variadic || Array.isArray(value);
  // A flag that may be given several times adds to what it had before.
  let parsed: unknown = isMany ? texts : texts[0];
  try {
    if (parseArg) parsed = texts.reduce<unknown>((before, text) => parseArg(text, before), undefined);
  } catch (error) {
    refuse(`is refused: ${(error as Error).message}`); // InvalidArgumentError, which knows only of the value
  }
  if (Array.isArray(value) && !Array.isArray(parsed)) refuse();
  command.setOptionValueWithSource(option.attributeName(), parsed, "config");
}
