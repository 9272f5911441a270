import { describe, expect, test } from "vitest";
import { FormatError, UnsupportedError } from "../util/errors.ts";
import type { AttentionLayer, HeadLayer, MlpLayer, Model } from "./model.ts";
import { architectures, createModel } from "./models.ts";

const tiny = {
  vocab_size: 256,
  hidden_size: 64,
  intermediate_size: 160,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  rms_norm_eps: 1e-5,
  max_position_embeddings: 8192,
};
const modelOf = (architecture: string, changes: object = {}): Model =>
  createModel({ ...tiny, architectures: [architecture], ...changes });
const attentionOf = (model: Model) => model.layers.filter((layer): layer is AttentionLayer => layer.kind === "attention");
const mlpOf = (model: Model) => model.layers.filter((layer): layer is MlpLayer => layer.kind === "mlp");
const windowsOf = (model: Model) => attentionOf(model).map(({ window }) => window);

describe("createModel", () => {
  test("a model reads from the embedding to the head", () => {
    const model = modelOf("LlamaForCausalLM");
    expect(model).toMatchObject({ architecture: "LlamaForCausalLM", vocabSize: 256, contextLength: 8192 });
    expect(model.layers.map(({ kind }) => kind)).toEqual([
      "embedding",
      "attention",
      "mlp",
      "attention",
      "mlp",
      "norm",
      "head",
    ]);
    expect(attentionOf(model)[1]).toEqual({
      kind: "attention",
      norm: { kind: "rms", module: "model.layers.1.input_layernorm", eps: 1e-5 },
      qkv: [
        { module: "model.layers.1.self_attn.q_proj", inFeatures: 64, outFeatures: 64 },
        { module: "model.layers.1.self_attn.k_proj", inFeatures: 64, outFeatures: 32 },
        { module: "model.layers.1.self_attn.v_proj", inFeatures: 64, outFeatures: 32 },
      ],
      output: { module: "model.layers.1.self_attn.o_proj", inFeatures: 64, outFeatures: 64 },
      heads: 4,
      kvHeads: 2,
      headDim: 16,
      rope: 0,
      scale: 0.25,
    });
    expect(mlpOf(model)[0]).toEqual({
      kind: "mlp",
      norm: { kind: "rms", module: "model.layers.0.post_attention_layernorm", eps: 1e-5 },
      inner: {
        gateUp: [
          { module: "model.layers.0.mlp.gate_proj", inFeatures: 64, outFeatures: 160 },
          { module: "model.layers.0.mlp.up_proj", inFeatures: 64, outFeatures: 160 },
        ],
        activation: "silu",
      },
      down: { module: "model.layers.0.mlp.down_proj", inFeatures: 160, outFeatures: 64 },
    });
  });

  test("only a tied head may borrow the embedding's weight", () => {
    const headOf = (model: Model) => model.layers.at(-1) as HeadLayer;
    expect(headOf(modelOf("LlamaForCausalLM"))).toEqual({
      kind: "head",
      linear: { module: "lm_head", inFeatures: 64, outFeatures: 256 },
    });
    const tied = modelOf("Qwen2ForCausalLM", { tie_word_embeddings: true });
    expect(headOf(tied).tiedTo).toBe("model.embed_tokens");
  });

  test("Qwen 2: windows on the upper layers, if in use", () => {
    const windowed = { use_sliding_window: true, sliding_window: 8, max_window_layers: 1 };
    expect(windowsOf(modelOf("Qwen2ForCausalLM", windowed))).toEqual([undefined, 8]);
    expect(windowsOf(modelOf("Qwen2ForCausalLM", { ...windowed, use_sliding_window: false }))).toEqual([
      undefined,
      undefined,
    ]);
  });

  test("Qwen 3: norms of heads, whose dimension is 128 unless stated", () => {
    const [attention] = attentionOf(modelOf("Qwen3ForCausalLM"));
    expect(attention).toMatchObject({
      headDim: 128,
      queryNorm: { module: "model.layers.0.self_attn.q_norm" },
      keyNorm: { module: "model.layers.0.self_attn.k_norm" },
      output: { inFeatures: 512, outFeatures: 64 },
    });
    expect(attentionOf(modelOf("Qwen3ForCausalLM", { head_dim: 32 }))[0].headDim).toBe(32);
  });

  test("Phi 3: one linear for q, k, v and one for gate, up, or their parts", () => {
    const model = modelOf("Phi3ForCausalLM", { sliding_window: 2047 });
    expect(attentionOf(model)[0].qkv).toMatchObject([
      {
        module: "model.layers.0.self_attn.qkv_proj",
        outFeatures: 128,
        parts: [{ outFeatures: 64 }, { outFeatures: 32 }, { outFeatures: 32 }],
      },
    ]);
    expect(mlpOf(model)[0].inner).toMatchObject({ gateUp: [
      {
        module: "model.layers.0.mlp.gate_up_proj",
        outFeatures: 320,
        parts: [{ module: "model.layers.0.mlp.gate_proj" }, { module: "model.layers.0.mlp.up_proj" }],
      },
    ] });
    expect(windowsOf(model)).toEqual([2047, 2047]);
    expect(windowsOf(modelOf("Phi3ForCausalLM"))).toEqual([undefined, undefined]);
  });

  test("Phi 3: LongRoPE tells where it changes over", () => {
    const factors = Array(8).fill(1);
    const model = modelOf("Phi3ForCausalLM", {
      original_max_position_embeddings: 4096,
      rope_scaling: { type: "longrope", short_factor: factors, long_factor: factors },
    });
    expect(model.ropeSwitchLength).toBe(4096);
    expect(model.ropes[0].variants).toHaveLength(2);
  });

  test("Mistral: a number is every layer's window, null is none, nothing is 4096", () => {
    expect(windowsOf(modelOf("MistralForCausalLM", { sliding_window: 8 }))).toEqual([8, 8]);
    expect(windowsOf(modelOf("MistralForCausalLM", { sliding_window: null }))).toEqual([undefined, undefined]);
    expect(windowsOf(modelOf("MistralForCausalLM"))).toEqual([4096, 4096]);
  });

  test("a window as wide as the context is no window", () => {
    expect(windowsOf(modelOf("MistralForCausalLM", { sliding_window: 8192 }))).toEqual([undefined, undefined]);
  });

  test("Gemma 3: windows on five layers of six, each kind of layer with its rope", () => {
    const model = modelOf("Gemma3ForCausalLM", {
      num_hidden_layers: 7,
      sliding_window: 8,
      rope_scaling: { rope_type: "linear", factor: 8 },
    });
    expect(windowsOf(model)).toEqual([8, 8, 8, 8, 8, undefined, 8]);
    expect(attentionOf(model).map(({ rope }) => rope)).toEqual([1, 1, 1, 1, 1, 0, 1]);
    const [full, local] = model.ropes.map(({ variants }) => variants[0].inverseFrequencies[0]);
    expect([full, local]).toEqual([1 / 8, 1]);
    expect(attentionOf(model)[0]).toMatchObject({ scale: 1 / 16, norm: { kind: "rms-plus-one" } });
  });

  test("Gemma 3 with vision: the text model's names have a prefix", () => {
    const model = createModel({ architectures: ["Gemma3ForConditionalGeneration"], text_config: {} });
    expect(model).toMatchObject({ vocabSize: 262_208, contextLength: 131_072 });
    expect(attentionOf(model)[0].output.module).toBe("language_model.model.layers.0.self_attn.o_proj");
  });

  test("SmolLM 3: every fourth layer knows no positions", () => {
    const ropesOf = (changes: object) =>
      attentionOf(modelOf("SmolLM3ForCausalLM", { num_hidden_layers: 5, ...changes })).map(({ rope }) => rope);
    expect(ropesOf({})).toEqual([0, 0, 0, undefined, 0]);
    expect(ropesOf({ no_rope_layers: [0, 1, 1, 1, 0] })).toEqual([undefined, 0, 0, 0, undefined]);
  });

  test("Qwen mixtures: experts on all layers but those named", () => {
    const model = modelOf("Qwen3MoeForCausalLM", {
      moe_intermediate_size: 40,
      num_experts: 6,
      num_experts_per_tok: 3,
      norm_topk_prob: true,
      mlp_only_layers: [1],
    });
    expect(model.layers.map(({ kind }) => kind).filter((kind) => kind === "mlp" || kind === "experts")).toEqual([
      "experts",
      "mlp",
    ]);
    expect(model.layers[2]).toMatchObject({ choices: 3, weighting: "normalized", experts: { length: 6 } });
    const more = () => modelOf("Qwen3MoeForCausalLM", { moe_intermediate_size: 40, num_experts: 2, num_experts_per_tok: 3 });
    expect(more).toThrow("num_experts_per_tok: expected an integer from 1 to 2, found 3");
  });

  test("model_type decides where no architecture is named", () => {
    expect(createModel({ ...tiny, model_type: "qwen3" }).architecture).toBe("Qwen3ForCausalLM");
  });

  test.each([
    [{ architectures: ["GPT2LMHeadModel"], model_type: "gpt2" }, '"GPT2LMHeadModel"'],
    [{ architectures: ["LlamaForSequenceClassification"], model_type: "llama" }, '"LlamaForSequenceClassification"'],
    [{ model_type: "mamba" }, '"mamba"'],
    [{}, "(none named)"],
  ])("names what it found in %j and what it supports", (changes, found) => {
    const create = () => createModel({ ...tiny, ...changes });
    expect(create).toThrow(UnsupportedError);
    expect(create).toThrow(`architecture ${found} is not supported; supported: LlamaForCausalLM, MistralForCausalLM`);
  });

  test("names are unique over all architectures", () => {
    const names = architectures.flatMap(({ names: some }) => some);
    expect(new Set(names).size).toBe(names.length);
  });

  test.each([null, 1, "llama", [], { architectures: [1] }])("refuses %j as a config", (config) => {
    expect(() => createModel(config)).toThrow(FormatError);
  });
});

test("messages say where a config stands", () => {
  expect(() => createModel({ architectures: ["x"] }, "m.gguf")).toThrow('m.gguf: architecture "x" is not supported');
  expect(() => createModel([], "m.gguf")).toThrow("m.gguf: expected an object");
});
