import { readFile } from "node:fs/promises";
import { isMap, parseDocument } from "yaml";
import { FormatError, IoError } from "../../util/errors.ts";
import { isNestedDeeper } from "../../util/json.ts";
import { quote } from "../../util/quote.ts";

/** A flag's value as it would stand on the command line; a list is a flag that is given several times. */
export type ConfigValue = string | readonly string[];

const maxBytes = 2 ** 16;
const maxDepth = 8;

/**
 * The flags of a file, by the names that it has for them: a mapping in YAML, of which JSON is a part. Scalars stay what they are in the file
 * (the version `1.10` is no number), as words of a command line do.
 *
 * Throws IoError for a file that cannot be read, FormatError for what is no such mapping, with the line where there is one.
 */
export async function readConfigFile(path: string): Promise<ReadonlyMap<string, ConfigValue>> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new IoError(`${path}: there is no such file of flags, or it cannot be read`, { cause });
  });
  if (bytes.byteLength > maxBytes)
    throw new FormatError(`${path}: has ${bytes.byteLength} bytes; a file of flags has at most ${maxBytes}`);
  const text = bytes.toString("utf8");
  // The parser's own expressions grow with the indentation, until the process dies of one.
  if (isNestedDeeper(bytes, maxDepth) || /^[\s?:-]{64}/m.test(text))
    throw new FormatError(`${path}: is nested too deeply for a file of flags`);
  const document = parseDocument(text, { schema: "failsafe" });
  const [error] = [...document.errors, ...document.warnings];
  if (error !== undefined) throw new FormatError(`${path}: is not valid YAML: ${error.message.split(":\n")[0]}`);
  if (document.contents === null) return new Map(); // nothing but comments
  if (!isMap(document.contents))
    throw new FormatError(`${path}: must hold flags with their values, like "port: 9000" or {"port": 9000}`);
  const entries = [...(document.toJS({ mapAsMap: true }) as ReadonlyMap<unknown, unknown>)];
  return new Map(entries.map(([key, value]) => [String(key), checked(value, `${path}: ${String(key)}`)]));
}

function checked(value: unknown, where: string): ConfigValue {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  for (const each of values) {
    if (typeof each !== "string")
      throw new FormatError(`${where}: ${quote(JSON.stringify(value))} is neither a value nor a list of values`);
    if (each === "") throw new FormatError(`${where}: has no value`);
  }
  return value as ConfigValue;
}
