import { describe, expect, test } from "vitest";
import { checkProgram } from "../device/check-program.ts";
import type { Program } from "../device/program.ts";
import type { Model } from "../models/model.ts";
import { FakeDevice, FakeSource, tinyModel, type FakeSourceOptions } from "./compile-test-kit.ts";
import { emitProgram } from "./emit-program.ts";
import { formatProgram } from "./format-program.ts";
import { loadWeights } from "./load-weights.ts";
import { planLoads } from "./plan-loads.ts";

async function emit(model: Model, device = new FakeDevice(), options: FakeSourceOptions = {}): Promise<Program> {
  const source = new FakeSource(model, options);
  const { table } = await loadWeights(planLoads(model, source), source, device);
  return emitProgram(model, table);
}

/** The listing, with the modules' common beginning left out. */
const listing = (program: Program): string => formatProgram(program).replaceAll("model.layers.", "");

describe("emitProgram", () => {
  test("fused: the last attention is the last op on rows of tokens", async () => {
    const program = await emit(tinyModel("LlamaForCausalLM", { tie_word_embeddings: true }));
    expect(listing(program)).toBe(`\
buffer hidden [tokens][8]
buffer normed [tokens][8]
buffer qkv [tokens][16]
buffer attention [tokens][8]
buffer mlp [tokens][12]
buffer outputs.attention [outputs][8]
buffer outputs.hidden [outputs][8]
buffer outputs.normed [outputs][8]
buffer outputs.mlp [outputs][12]
buffer outputs.logits [outputs][32]
pages 0: full, caches: 2
rope 0: 2 elements, variants: 1
weight 0: model.embed_tokens (dense f16, 8 → 32)
weight 1: 0.self_attn.q_proj + 0.self_attn.k_proj + 0.self_attn.v_proj (dense f16, 8 → 8; dense f16, 8 → 4; dense f16, 8 → 4)
weight 2: 0.self_attn.o_proj (dense f16, 8 → 8)
weight 3: 0.mlp.gate_proj + 0.mlp.up_proj (dense f16, 8 → 12; dense f16, 8 → 12)
weight 4: 0.mlp.down_proj (dense f16, 12 → 8)
weight 5: 1.self_attn.q_proj + 1.self_attn.k_proj + 1.self_attn.v_proj (dense f16, 8 → 8; dense f16, 8 → 4; dense f16, 8 → 4)
weight 6: 1.self_attn.o_proj (dense f16, 8 → 8)
weight 7: 1.mlp.gate_proj + 1.mlp.up_proj (dense f16, 8 → 12; dense f16, 8 → 12)
weight 8: 1.mlp.down_proj (dense f16, 12 → 8)
embed model.embed_tokens -> hidden
rms-norm hidden by 0.input_layernorm.weight per 8 -> normed
linear normed by 0.self_attn.q_proj + 0.self_attn.k_proj + 0.self_attn.v_proj -> qkv
rope-write qkv[0..8], qkv[8..12], qkv[12..16] by rope 0 -> cache 0
attention qkv[0..8] over cache 0 -> attention
linear attention by 0.self_attn.o_proj + hidden -> hidden
rms-norm hidden by 0.post_attention_layernorm.weight per 8 -> normed
linear normed by 0.mlp.gate_proj + 0.mlp.up_proj, silu glu -> mlp
linear mlp by 0.mlp.down_proj + hidden -> hidden
rms-norm hidden by 1.input_layernorm.weight per 8 -> normed
linear normed by 1.self_attn.q_proj + 1.self_attn.k_proj + 1.self_attn.v_proj -> qkv
rope-write qkv[0..8], qkv[8..12], qkv[12..16] by rope 0 -> cache 1
attention qkv[0..8] over cache 1 -> attention
gather attention -> outputs.attention
gather hidden -> outputs.hidden
linear outputs.attention by 1.self_attn.o_proj + outputs.hidden -> outputs.hidden
rms-norm outputs.hidden by 1.post_attention_layernorm.weight per 8 -> outputs.normed
linear outputs.normed by 1.mlp.gate_proj + 1.mlp.up_proj, silu glu -> outputs.mlp
linear outputs.mlp by 1.mlp.down_proj + outputs.hidden -> outputs.hidden
rms-norm outputs.hidden by model.norm.weight per 8 -> outputs.hidden
linear outputs.hidden by model.embed_tokens -> outputs.logits
sample outputs.logits`);
  });

  test("apart: slices of the same buffers, biases where they are, norms of heads in place, a window's own pages", async () => {
    const windowed = { use_sliding_window: true, sliding_window: 8, max_window_layers: 1 };
    const device = new FakeDevice(() => "never");
    const program = await emit(tinyModel("Qwen3ForCausalLM", windowed), device, { biases: ["q_proj"] });
    const lines = listing(program).split("\n");
    expect(lines.filter((line) => /^(buffer gate-up|pages)/.test(line))).toEqual([
      "buffer gate-up [tokens][24]",
      "pages 0: full, caches: 1",
      "pages 1: window of 8, caches: 1",
    ]);
    const embed = lines.findIndex((line) => line.startsWith("embed"));
    expect(lines.slice(embed + 2, embed + 14)).toEqual([
      "linear normed by 0.self_attn.q_proj + bias -> qkv[0..8]",
      "linear normed by 0.self_attn.k_proj -> qkv[8..12]",
      "linear normed by 0.self_attn.v_proj -> qkv[12..16]",
      "rms-norm qkv[0..8] by 0.self_attn.q_norm.weight per 2 -> qkv[0..8]",
      "rms-norm qkv[8..12] by 0.self_attn.k_norm.weight per 2 -> qkv[8..12]",
      "rope-write qkv[0..8], qkv[8..12], qkv[12..16] by rope 0 -> cache 0",
      "attention qkv[0..8] over cache 0 -> attention",
      "linear attention by 0.self_attn.o_proj + hidden -> hidden",
      "rms-norm hidden by 0.post_attention_layernorm.weight per 8 -> normed",
      "linear normed by 0.mlp.gate_proj -> gate-up[0..12]",
      "linear normed by 0.mlp.up_proj -> gate-up[12..24]",
      "glu silu(gate-up[0..12]) * gate-up[12..24] -> mlp",
    ]);
  });

  test("a linear that the file has fused is one op with its glu", async () => {
    const lines = listing(await emit(tinyModel("Phi3ForCausalLM"), new FakeDevice(() => "never"))).split("\n");
    expect(lines).toContain("linear normed by 0.self_attn.qkv_proj -> qkv");
    expect(lines).toContain("linear normed by 0.mlp.gate_up_proj, silu glu -> mlp");
  });

  test.each(["LlamaForCausalLM", "MistralForCausalLM", "Phi3ForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM"])(
    "%s: a program that backends accept, fused or apart",
    async (architecture) => {
      const model = tinyModel(architecture, { head_dim: null, num_key_value_heads: 1, sliding_window: 8 });
      for (const split of [false, true]) {
        const biases = ["q_proj", "k_proj", "qkv_proj", "lm_head"];
        checkProgram(await emit(model, new FakeDevice(), { split, biases }));
        checkProgram(await emit(model, new FakeDevice(() => "never"), { split, biases }));
      }
    },
  );
});
