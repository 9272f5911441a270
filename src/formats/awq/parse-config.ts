import { RequestError, UnsupportedError } from "../../util/errors.ts";
import { quote } from "../../util/quote.ts";
import { ConfigFields } from "../config-fields.ts";
import { declaredMethod } from "../declared-method.ts";
import type { DeclaredGroups } from "../group-size.ts";
import type { Evidence, FormatOverrides, TensorHead } from "../weight-format.ts";

/** How AWQ packs a module; read-shapes.ts says what each looks like. */
export type AwqPacking = (typeof packings)[number];

const packings = ["gemm", "gemv", "gemv_fast", "marlin"] as const;

/** What an AWQ checkpoint declares. The shapes of the tensors decide; this settles what they leave open. */
export interface AwqConfig {
  /** Absent: nothing is declared, which means gemm. */
  readonly packing?: AwqPacking;
  /** True: the user said so, and the shapes do not count. */
  readonly packingForced: boolean;
  /** False: no module has zero points. */
  readonly zeroPoints?: boolean;
  readonly declaredGroups: readonly DeclaredGroups[];
  /** The file that declares all this, for messages. */
  readonly label: string;
}

/** Other names of packings: of kernels that take gemm's, and of the tool that gemv_fast's layout comes from. */
const synonyms: ReadonlyMap<string, AwqPacking> = new Map([
  ["exllama", "gemm"],
  ["ipex", "gemm"],
  ["llm-awq", "gemv_fast"],
]);

/**
 * What the checkpoint declares, undefined when it is no AWQ. Without a config it is AWQ when a module is packed along its outputs, in
 * words of eight. Throws UnsupportedError for an unknown packing, and for activations that are to be scaled; FormatError for values
 * of a wrong type; RequestError for an override that is no AwqPacking.
 */
export function parseAwqConfig(evidence: Evidence, overrides: FormatOverrides): AwqConfig | undefined {
  const { tensors, label } = evidence;
  const fields = new ConfigFields(evidence.declared ?? {}, label);
  const method = declaredMethod(fields, label);
  if (method !== undefined ? method !== "awq" : !looksLikeAwq(tensors)) return undefined;
  refuseScaledActivations(tensors, label);

  const forced = overrides.checkpointFormat;
  const packing = forced === undefined ? declaredPacking(fields, label) : forcedPacking(forced, label);
  const zeroPoints = fields.boolean("zero_point");
  const bits = fields.integer(1, "bits", "w_bit");
  const groupSize = fields.integer(-1, "group_size", "q_group_size");
  return {
    ...(packing !== undefined && { packing }),
    packingForced: forced !== undefined,
    ...(zeroPoints !== undefined && { zeroPoints }),
    declaredGroups: groupSize === undefined ? [] : [{ ...(bits !== undefined && { bits }), groupSize }],
    label,
  };
}

function looksLikeAwq(tensors: ReadonlyMap<string, TensorHead>): boolean {
  for (const { name, shape } of tensors.values()) {
    if (!name.endsWith(".qweight")) continue;
    const scales = tensors.get(`${name.slice(0, -".qweight".length)}.scales`);
    return shape.length === 2 && scales?.shape.length === 2 && scales.shape[1] === 8 * shape[1];
  }
  return false;
}

/**
 * Between two linears with a GELU, AWQ divides the activation's output by scales of its own. No architecture that is read here has
 * them; without them the answers would be wrong.
 */
function refuseScaledActivations(tensors: ReadonlyMap<string, TensorHead>, label: string): void {
  for (const name of tensors.keys()) {
    if (!name.endsWith(".scales") || tensors.has(`${name.slice(0, -".scales".length)}.qweight`)) continue;
    throw new UnsupportedError(
      `${label}: tensor ${quote(name)} scales an activation; AWQ checkpoints with scaled activations cannot be read`,
    );
  }
}

function declaredPacking(fields: ConfigFields, label: string): AwqPacking | undefined {
  const name = fields.string("version", "format", "checkpoint_format")?.toLowerCase();
  if (name === undefined) return fields.string("backend")?.toLowerCase() === "llm-awq" ? "gemv_fast" : undefined;
  const found = packings.find((packing) => packing === name) ?? synonyms.get(name);
  if (found !== undefined) return found;
  throw new UnsupportedError(
    `${label}: no version of AWQ called ${quote(name)} can be read; ${packings.join(", ")} can`,
  );
}

function forcedPacking(name: string, label: string): AwqPacking {
  const found = packings.find((packing) => packing === name);
  if (found !== undefined) return found;
  throw new RequestError(
    `${label}: no checkpoint format of AWQ is called ${quote(name)}; accepted: ${packings.join(", ")}`,
  );
}
