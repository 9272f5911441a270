import { bytesOf } from "../../util/bytes.ts";
import { philox } from "../../device/random.ts";
import { randomBits, randomHalves, sameCode, sameHalf, type Pattern } from "./pattern.ts";
import type { ModelShape } from "./shapes.ts";

/** How the linears of a synthetic model are packed. */
export interface SyntheticFormat {
  readonly format: "gptq" | "dense";
  readonly bits: 2 | 3 | 4 | 8;
  /** -1: one group. */
  readonly groupSize: number;
  readonly asym: boolean;
  readonly actOrder: boolean;
}

export interface SyntheticTensor {
  readonly name: string;
  readonly dtype: "F16" | "I32";
  readonly shape: readonly number[];
  readonly pattern: Pattern;
}

/** The tensors of a checkpoint of this shape, with values of the size that trained ones have, so that nothing overflows on the way. */
export function* syntheticTensors(shape: ModelShape, format: SyntheticFormat): Generator<SyntheticTensor> {
  const { hidden_size: hidden, intermediate_size: inner, head_dim: headDim, vocab_size: vocab } = shape;
  const heads = shape.num_attention_heads * headDim;
  const kvHeads = shape.num_key_value_heads * headDim;
  const table = randomHalves(Math.sqrt(3 / hidden));
  const ones = sameHalf(1);
  const norm = (name: string): SyntheticTensor => ({
    name: `${name}.weight`,
    dtype: "F16",
    shape: [hidden],
    pattern: ones,
  });
  const halves = (name: string, ...dimensions: number[]): SyntheticTensor =>
    ({ name, dtype: "F16", shape: dimensions, pattern: table }) as const;
  const patterns = { ...codePatterns(format), values: table };

  yield halves("model.embed_tokens.weight", vocab, hidden);
  for (let layer = 0; layer < shape.num_hidden_layers; layer++) {
    const at = `model.layers.${layer}`;
    const linear = (name: string, inputs: number, outputs: number): Generator<SyntheticTensor> =>
      linearTensors(`${at}.${name}`, inputs, outputs, format, patterns);
    yield norm(`${at}.input_layernorm`);
    yield* linear("self_attn.q_proj", hidden, heads);
    yield* linear("self_attn.k_proj", hidden, kvHeads);
    yield* linear("self_attn.v_proj", hidden, kvHeads);
    if (shape.model_type === "qwen2") {
      yield halves(`${at}.self_attn.q_proj.bias`, heads);
      yield halves(`${at}.self_attn.k_proj.bias`, kvHeads);
      yield halves(`${at}.self_attn.v_proj.bias`, kvHeads);
    }
    yield* linear("self_attn.o_proj", heads, hidden);
    yield norm(`${at}.post_attention_layernorm`);
    yield* linear("mlp.gate_proj", hidden, inner);
    yield* linear("mlp.up_proj", hidden, inner);
    yield* linear("mlp.down_proj", inner, hidden);
  }
  yield norm("model.norm");
  if (!shape.tie_word_embeddings) yield halves("lm_head.weight", vocab, hidden);
}

interface LinearPatterns {
  readonly values: Pattern;
  readonly codes: Pattern;
  readonly zeros: Pattern;
}

/** GPTQ stores zero points less one. */
function codePatterns({ bits, asym }: SyntheticFormat): Omit<LinearPatterns, "values"> {
  const codes = randomBits();
  return { codes, zeros: asym ? codes : sameCode(2 ** (bits - 1) - 1, bits) };
}

function* linearTensors(
  name: string,
  inputs: number,
  outputs: number,
  { format, bits, groupSize, actOrder }: SyntheticFormat,
  { values, codes, zeros }: LinearPatterns,
): Generator<SyntheticTensor> {
  if (format === "dense") {
    yield { name: `${name}.weight`, dtype: "F16", shape: [outputs, inputs], pattern: values };
    return;
  }
  const size = groupSize === -1 ? inputs : groupSize;
  const groups = Math.ceil(inputs / size);
  const scales = sameHalf(Math.sqrt(12 / inputs) / 2 ** bits);
  yield { name: `${name}.qweight`, dtype: "I32", shape: [(inputs * bits) / 32, outputs], pattern: codes };
  yield { name: `${name}.qzeros`, dtype: "I32", shape: [groups, (outputs * bits) / 32], pattern: zeros };
  yield { name: `${name}.scales`, dtype: "F16", shape: [groups, outputs], pattern: scales };
  if (actOrder) yield { name: `${name}.g_idx`, dtype: "I32", shape: [inputs], pattern: groupIndices(inputs, size) };
}

/** The group of each input: groups as large as they are, inputs in any order. */
function groupIndices(inputs: number, groupSize: number): Pattern {
  const indices = Int32Array.from({ length: inputs }, (_, input) => Math.floor(input / groupSize));
  for (let last = inputs - 1; last > 0; last--) {
    const other = philox([last, 0, 0, 0], [0, 0])[0] % (last + 1);
    [indices[last], indices[other]] = [indices[other], indices[last]];
  }
  return bytesOf(indices);
}
