import { compileRegex } from "../../text/regex/compile-regex.ts";
import type { Regex } from "../../text/regex/regex.ts";
import { FormatError, RequestError, UnsupportedError } from "../../util/errors.ts";
import { isJsonObject, jsonType, type JsonObject, type JsonValue } from "../../util/json.ts";
import { quote } from "../../util/quote.ts";
import { StepBudget } from "../../util/step-budget.ts";
import { ConfigFields } from "../config-fields.ts";
import type { DeclaredBlock } from "../float8-weight.ts";
import type { DeclaredGroups } from "../group-size.ts";
import type { Evidence, FormatOverrides } from "../weight-format.ts";

/** What a compressed-tensors checkpoint declares. The shapes of the tensors decide; this settles what they leave open. */
export interface CompressedTensorsConfig {
  readonly schemes: readonly DeclaredScheme[];
  /** What else the config asks of an engine, and what is done instead. */
  readonly notes: readonly string[];
  /** The file that declares all this, for messages. */
  readonly label: string;
}

/** One of `config_groups`. */
export interface DeclaredScheme extends DeclaredGroups {
  readonly names: ReadonlySet<string>;
  readonly patterns: readonly Regex[];
  /** Of the strategy "block". */
  readonly block?: DeclaredBlock;
}

/** Formats whose tensors read-shapes.ts knows. */
const readable: readonly string[] = [
  "pack-quantized",
  "int-quantized",
  "naive-quantized",
  "float-quantized",
  "mxfp8-quantized",
  "nvfp4-pack-quantized",
  "mxfp4-pack-quantized",
  "marlin-24",
  "dense",
  "mixed-precision",
];

/** A config has a few groups, of a few targets; a model of thousands of modules may name each. */
const maxTargets = 65_536;

/**
 * What the checkpoint declares, undefined when it is no compressed-tensors checkpoint. Throws UnsupportedError for formats, and for
 * transforms of activations, that cannot be read; FormatError for a config that makes no sense; RequestError for any override.
 */
export function parseCompressedTensorsConfig(
  { declared, label }: Evidence,
  { checkpointFormat }: FormatOverrides,
): CompressedTensorsConfig | undefined {
  const fields = new ConfigFields(declared ?? {}, label);
  if (fields.string("quant_method")?.toLowerCase() !== "compressed-tensors") return undefined;
  if (checkpointFormat !== undefined) {
    throw new RequestError(
      `${label}: the tensors of compressed-tensors tell their format; ask for none, not ${quote(checkpointFormat)}`,
    );
  }
  requireReadable(fields, label);
  refuseTransforms(fields, label);
  const groups = Object.entries(objectOf(fields.get("config_groups"), `${label}: "config_groups"`) ?? {});
  const schemes: DeclaredScheme[] = [];
  const notes = new Set<string>();
  for (const [name, group] of groups) {
    const where = `${label}: "config_groups" ${quote(name)}`;
    const members = new ConfigFields(objectOf(group, where) ?? {}, where);
    requireReadable(members, where);
    schemes.push(schemeOf(members, where));
    const activations = activationNote(members);
    if (activations !== undefined) notes.add(activations);
  }
  if (isJsonObject(fields.get("kv_cache_scheme"))) {
    notes.add(
      "asks for quantized keys and values; they are kept in the type of --kv-cache-dtype, scales for them are not used",
    );
  }
  return { schemes, notes: [...notes], label };
}

/** The scheme whose targets name the module: by its whole name, else by a pattern, else by its class, as the writer looks it up. */
export function declaredScheme(module: string, { schemes }: CompressedTensorsConfig): DeclaredScheme | undefined {
  // Every packed module is a Linear, whatever the class is called that a fork made of it.
  return (
    schemes.find(({ names }) => names.has(module)) ??
    schemes.find(({ patterns }) => patterns.some((pattern) => matches(pattern, module))) ??
    schemes.find(({ names }) => names.has("Linear"))
  );
}

/** Steps that a pattern may take over a module's name; patterns that people write take a few for each letter. */
const matchSteps = 100_000;

function matches(pattern: Regex, module: string): boolean {
  const budget = new StepBudget(
    matchSteps,
    () => new UnsupportedError(`the target ${quote(pattern.pattern)} takes too long to match against ${quote(module)}`),
  );
  return pattern.findAt(module, 0, budget) >= 0; // from the beginning, as Python's re.match
}

function schemeOf(members: ConfigFields, where: string): DeclaredScheme {
  const weights = new ConfigFields(
    objectOf(members.get("weights"), `${where}, "weights"`) ?? {},
    `${where}, "weights"`,
  );
  const bits = weights.integer(1, "num_bits");
  const strategy = weights.string("strategy");
  const groupSize = strategy === undefined || strategy === "group" ? weights.integer(-1, "group_size") : -1;
  const [rows, columns] = weights.integers(1, 2, "block_structure") ?? [];
  const targets = stringsOf(members.get("targets"), `${where}, "targets"`);
  const isPattern = (target: string): boolean => target.startsWith("re:");
  return {
    ...(bits !== undefined && { bits }),
    ...(groupSize !== undefined && { groupSize }),
    ...(rows !== undefined && { block: { rows, columns } }),
    names: new Set(targets.filter((target) => !isPattern(target))),
    patterns: targets.filter(isPattern).map((target) => compileRegex(target.slice("re:".length))),
  };
}

function activationNote(members: ConfigFields): string | undefined {
  const activations = members.get("input_activations");
  if (!isJsonObject(activations)) return undefined;
  const { num_bits: bits, type, strategy } = activations;
  const asked = [bits, type, strategy].filter((part) => typeof part === "string" || typeof part === "number");
  return `asks for quantized activations (${asked.join(" ")}); they are computed in the engine's own (--cpu-activations)`;
}

function requireReadable(fields: ConfigFields, where: string): void {
  const format = fields.string("format");
  if (format === undefined || readable.includes(format)) return;
  throw new UnsupportedError(
    `${where}: declares the compressed-tensors format ${quote(format)}; ${readable.join(", ")} can be read`,
  );
}

/** Transforms rotate activations between modules, and sparse weights are stored without their zeros: read without, both are wrong. */
function refuseTransforms(fields: ConfigFields, label: string): void {
  const transforms = objectOf(fields.get("transform_config"), `${label}: "transform_config"`);
  const rotated = objectOf(transforms?.config_groups ?? undefined, `${label}: "transform_config"`);
  if (rotated !== undefined && Object.keys(rotated).length > 0) {
    throw new UnsupportedError(
      `${label}: declares transforms of activations ("transform_config"), which cannot be computed`,
    );
  }
  const sparsity = objectOf(fields.get("sparsity_config"), `${label}: "sparsity_config"`);
  const format = sparsity?.format;
  if (typeof format === "string" && format !== "dense") {
    throw new UnsupportedError(`${label}: declares sparse weights as ${quote(format)}, which cannot be read`);
  }
}

function objectOf(value: JsonValue | undefined, where: string): JsonObject | undefined {
  if (value === undefined) return undefined;
  if (!isJsonObject(value)) throw new FormatError(`${where} must be an object, found ${jsonType(value)}`);
  return value;
}

function stringsOf(value: JsonValue | undefined, where: string): readonly string[] {
  if (value === undefined) return [];
  const isList = (found: JsonValue): found is readonly JsonValue[] => Array.isArray(found);
  if (!isList(value) || value.length > maxTargets || value.some((entry) => typeof entry !== "string")) {
    throw new FormatError(`${where} must be a list of at most ${maxTargets} names`);
  }
  return value as readonly string[];
}
