import { FormatError, RequestError, UnsupportedError } from "../../util/errors.ts";
import { isJsonObject, jsonType, type JsonObject, type JsonValue } from "../../util/json.ts";
import { quote } from "../../util/quote.ts";
import { ConfigFields } from "../config-fields.ts";
import { declaredMethod } from "../declared-method.ts";
import type { DeclaredGroups } from "../group-size.ts";
import type { Evidence, FormatOverrides, TensorHead } from "../weight-format.ts";

/** How a module is packed: zero points in v1 as z - 1, in v2 as z; planar GPTQ is v2 with its bits in planes. */
export type GptqConvention = (typeof conventions)[number];

const conventions = ["gptq", "gptq_v2", "gptq_p"] as const;

/** What a GPTQ checkpoint declares. Bits and group sizes are cross-checks: the shapes of the tensors decide. */
export interface GptqConfig {
  readonly convention: GptqConvention;
  /** True: the user said so, and neither label nor data count. */
  readonly conventionForced: boolean;
  /** True: every module is declared symmetric. */
  readonly declaredSymmetric: boolean;
  /** What modules may look like: the checkpoint's defaults first, then one variant for each rule for single modules. */
  readonly declaredGroups: readonly DeclaredGroups[];
  /** True: the writer took wrong constants off the words of 3-bit zero points. */
  readonly legacyZeros: boolean;
  /** With an act-order declared that only g_idx can tell: the first module that has several groups and no g_idx. */
  readonly firstWithoutOrder?: string;
  /** True: such an act-order is declared. */
  readonly declaredActOrder: boolean;
  /** The file that declares all this, for messages. */
  readonly label: string;
}

/** Scalars that TGI's `quantize` command wrote in place of a config. */
export const scalarNames: ReadonlySet<string> = new Set(["gptq_bits", "gptq_groupsize", "gptq_sym"]);

/** Longest list of `dynamic` rules that is looked at; a rule for each module of a large model stays far below. */
const maxRules = 65_536;

/**
 * What the checkpoint declares, undefined when it is no GPTQ. Without a config it is GPTQ when AutoGPTQ's metadata, TGI's
 * scalars or the shapes of a packed module say so; a config without a method (early AutoGPTQ wrote such) needs the shapes.
 * Throws UnsupportedError for packings under the name of GPTQ that are others, FormatError for values of a wrong type,
 * RequestError for an override that is no GptqConvention.
 */
export function parseGptqConfig(evidence: Evidence, overrides: FormatOverrides): GptqConfig | undefined {
  const { tensors, label } = evidence;
  const declared = evidence.declared ?? configOfMetadata(evidence.metadata);
  const fields = new ConfigFields(declared ?? {}, label);
  const method = declaredMethod(fields, label);
  if (method !== undefined ? method !== "gptq" : !looksLikeGptq(tensors)) return undefined;

  const { checkpointFormat } = overrides;
  const isForced = checkpointFormat !== undefined;
  const symmetric = new Set([symmetricOf(fields)]);
  const groups: DeclaredGroups[] = [groupsOf(fields)];
  for (const key of ["dynamic", "extra_config"])
    for (const rule of rulesOf(key, fields, label)) {
      const override = new ConfigFields(rule, `${label}: a rule of "${key}"`);
      groups.push({ ...groups[0], ...groupsOf(override) });
      symmetric.add(symmetricOf(override) ?? symmetricOf(fields));
    }
  const actOrder = declaresActOrder(fields);
  const firstWithoutOrder = actOrder ? moduleWithoutGIdx(tensors) : undefined;
  return {
    convention: isForced ? forcedConvention(checkpointFormat, label) : declaredConvention(fields, label),
    conventionForced: isForced,
    declaredSymmetric: symmetric.size === 1 && symmetric.has(true),
    declaredGroups: groups.filter(({ bits, groupSize }) => bits !== undefined || groupSize !== undefined),
    legacyZeros: writtenBeforeGptqModel7(fields),
    declaredActOrder: actOrder,
    ...(firstWithoutOrder !== undefined && { firstWithoutOrder }),
    label,
  };
}

/** AutoGPTQ's safetensors carry the config as strings: `gptq_bits`, `gptq_group_size`, and so on. */
function configOfMetadata(metadata: ReadonlyMap<string, string>): JsonObject | undefined {
  if (!metadata.has("gptq_bits")) return undefined;
  const number = (key: string): number | undefined => {
    const text = metadata.get(key);
    return text !== undefined && /^-?\d{1,9}$/.test(text) ? Number(text) : undefined;
  };
  return {
    quant_method: metadata.get("gptq_quant_method") ?? "gptq",
    checkpoint_format: metadata.get("gptq_checkpoint_format"),
    bits: number("gptq_bits"),
    group_size: number("gptq_group_size"),
  };
}

/** A module packed along k has as many columns of words as of scales; AWQ, packed along n, has an eighth. */
function looksLikeGptq(tensors: ReadonlyMap<string, TensorHead>): boolean {
  for (const { name, shape } of tensors.values()) {
    if (!name.endsWith(".qweight")) continue;
    const scales = tensors.get(`${name.slice(0, -".qweight".length)}.scales`);
    return shape.length === 2 && scales?.shape.length === 2 && scales.shape[1] === shape[1];
  }
  return false;
}

function forcedConvention(name: string, label: string): GptqConvention {
  const found = conventions.find((convention) => convention === name);
  if (found !== undefined) return found;
  throw new RequestError(
    `${label}: no checkpoint format of GPTQ is called ${quote(name)}; accepted: ${conventions.join(", ")}`,
  );
}

function declaredConvention(fields: ConfigFields, label: string): GptqConvention {
  if (fields.boolean("is_marlin_format")) refuse(label, "Marlin");
  const declared = fields.string("checkpoint_format", "format")?.toLowerCase() ?? "gptq";
  switch (declared) {
    case "gptq":
    case "gptq_v2":
    case "gptq_p":
      return declared;
    case "marlin":
      return refuse(label, "Marlin");
    case "marlin_24":
      return refuse(label, "Marlin 2:4");
    case "bitblas":
      return refuse(label, "BitBLAS");
    default:
      return refuse(label, quote(declared));
  }
}

function refuse(label: string, packing: string): never {
  throw new UnsupportedError(
    `${label}: the checkpoint is packed as ${packing}; of GPTQ, "gptq" (v1), "gptq_v2" and "gptq_p" can be read`,
  );
}

function symmetricOf(fields: ConfigFields): boolean | undefined {
  const hasZeroPoints = fields.boolean("zero_point");
  return fields.boolean("sym") ?? (hasZeroPoints === undefined ? undefined : !hasZeroPoints);
}

function groupsOf(fields: ConfigFields): DeclaredGroups {
  const bits = fields.integer(1, "bits", "w_bit", "wbits");
  const groupSize = fields.integer(-1, "group_size", "q_group_size", "groupsize");
  return { ...(bits !== undefined && { bits }), ...(groupSize !== undefined && { groupSize }) };
}

/**
 * The overrides of GPTQModel's `dynamic` or AutoRound's `extra_config`, without those that leave modules alone. Their patterns, regular
 * expressions of a stranger, are never run: what they would select is told by the shapes.
 */
function rulesOf(key: string, fields: ConfigFields, label: string): JsonObject[] {
  const found = fields.get(key);
  if (found === undefined || found === false) return [];
  if (!isJsonObject(found)) throw new FormatError(`${label}: "${key}" must be an object, found ${jsonType(found)}`);
  const rules = Object.entries(found);
  if (rules.length > maxRules) {
    throw new FormatError(`${label}: "${key}" has ${rules.length} rules; at most ${maxRules} are read`);
  }
  return rules.flatMap(([pattern, rule]) => (!pattern.startsWith("-:") && isJsonObject(rule) ? [rule] : []));
}

/** Static groups and GPTQModel's group-aware order leave the groups in sequence. Any other type than a boolean says nothing. */
function declaresActOrder(fields: ConfigFields): boolean {
  const keepsGroups = fields.get("static_groups") === true || fields.get("act_group_aware") === true;
  return fields.get("desc_act") === true && !keepsGroups;
}

function moduleWithoutGIdx(tensors: ReadonlyMap<string, TensorHead>): string | undefined {
  for (const name of tensors.keys()) {
    if (!name.endsWith(".qweight")) continue;
    const module = name.slice(0, -".qweight".length);
    const groups = tensors.get(`${module}.scales`)?.shape[0] ?? 0;
    if (groups > 1 && !tensors.has(`${module}.g_idx`)) return module;
  }
  return undefined;
}

/** `meta.quantizer` names the writer: "gptqmodel:5.1.0", alone or in a list. */
function writtenBeforeGptqModel7(fields: ConfigFields): boolean {
  const meta = fields.get("meta");
  const quantizer = isJsonObject(meta) ? meta.quantizer : undefined;
  const writers: readonly (JsonValue | undefined)[] = Array.isArray(quantizer)
    ? (quantizer as readonly JsonValue[])
    : [quantizer];
  return writers.some((writer) => typeof writer === "string" && /^gptqmodel:[0-6]\./.test(writer));
}
