import { FormatError, RequestError, UnsupportedError } from "../../util/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../util/json.ts";
import { quote } from "../../util/quote.ts";
import { ConfigFields } from "../config-fields.ts";
import type { Evidence, FormatOverrides } from "../weight-format.ts";

/** What a Quark checkpoint declares beyond its tensors. */
export interface QuarkConfig {
  /** Whether 4-bit integers, zero points too, have a sign (`int4`) or none (`uint4`); undefined: the config has no such weights. */
  readonly signed4: boolean | undefined;
  readonly notes: readonly string[];
}

const readable: readonly string[] = ["fp8_e4m3", "fp8_e5m2", "fp4", "mxfp4", "int8", "int4", "uint4"];

/**
 * What the checkpoint declares, undefined when Quark did not make it. `global_quant_config` is for all layers, `layer_quant_config` and
 * `layer_type_quant_config` have others by patterns of names and by classes; each has a spec of the weight, or a list where scales are
 * quantized too. Throws UnsupportedError for weights of other types, in two levels, for a packing that is not AWQ's and for rotated
 * activations, FormatError for a config that makes no sense, RequestError for any override.
 */
export function parseQuarkConfig(
  { declared, label, tensors }: Evidence,
  { checkpointFormat }: FormatOverrides,
): QuarkConfig | undefined {
  const fields = new ConfigFields(declared ?? {}, label);
  if (fields.string("quant_method")?.toLowerCase() !== "quark") return undefined;
  if (checkpointFormat !== undefined)
    throw new RequestError(`${label}: Quark has no variants to choose; ask for none, not ${quote(checkpointFormat)}`);
  const rotation = [...tensors.keys()].find((name) => name.endsWith(".input_rotation"));
  if (rotation !== undefined)
    throw new UnsupportedError(
      `${label}: tensor ${quote(rotation)} rotates activations as the model runs; checkpoints without such rotations can be read`,
    );
  const layers = layerConfigs(fields);
  const types = new Set(layers.map((layer) => weightType(layer, label)));
  const isPacked = types.has("int4") || types.has("uint4");
  if (types.has("int4") && types.has("uint4"))
    throw new UnsupportedError(`${label}: has weights of int4 beside others of uint4; one of them can be read`);
  const packing = objectIn(fields, "export")?.pack_method ?? "reorder";
  if (isPacked && packing !== "reorder")
    throw new UnsupportedError(
      `${label}: packs 4-bit weights by ${JSON.stringify(packing)}; pack_method "reorder" can be read`,
    );
  return { signed4: isPacked ? types.has("int4") : undefined, notes: activationNotes(layers) };
}

/** Of all layers, and of those that have their own. */
function layerConfigs(fields: ConfigFields): readonly JsonObject[] {
  const ofAll = objectIn(fields, "global_quant_config");
  const others = ["layer_quant_config", "layer_type_quant_config"].flatMap((key) =>
    Object.values(objectIn(fields, key) ?? {}),
  );
  return [...(ofAll ? [ofAll] : []), ...others.filter(isJsonObject)];
}

function objectIn(fields: ConfigFields, key: string): JsonObject | undefined {
  const value = fields.get(key);
  return isJsonObject(value) ? value : undefined;
}

/** The element type of a layer's weights; undefined: they are not quantized. */
function weightType(layer: JsonObject, label: string): string | undefined {
  const spec = layer.weight;
  if (spec === undefined || spec === null) return undefined;
  const type = Array.isArray(spec) && spec.length !== 1 ? "two levels" : single(spec)?.dtype;
  if (typeof type !== "string") throw new FormatError(`${label}: a spec of weights has no "dtype"`);
  if (readable.includes(type)) return type;
  throw new UnsupportedError(`${label}: Quark quantized weights to ${type}; ${readable.join(", ")} can be read`);
}

function single(spec: JsonValue | undefined): JsonObject | undefined {
  const first = Array.isArray(spec) ? (spec as readonly JsonValue[])[0] : spec;
  return isJsonObject(first) ? first : undefined;
}

function activationNotes(layers: readonly JsonObject[]): readonly string[] {
  const asked = layers.flatMap((layer) => {
    const { dtype, is_dynamic: isDynamic } = single(layer.input_tensors) ?? {};
    return typeof dtype === "string" ? [`${dtype} ${isDynamic === true ? "dynamic" : "static"}`] : [];
  });
  if (asked.length === 0) return [];
  const names = [...new Set(asked)].join(", ");
  return [`asks for quantized activations (${names}); they are computed in the engine's own (--cpu-activations)`];
}
