import { describe, expect, test } from "vitest";
import { FormatError } from "../util/errors.ts";
import { FakeSource, tinyModel } from "./compile-test-kit.ts";
import { planLoads } from "./plan-loads.ts";

const modulesOf = (...args: Parameters<typeof planLoads>) =>
  planLoads(...args).projections.map(({ modules }) => modules.map(({ module }) => module.replace("model.layers.", "")));

describe("planLoads", () => {
  test("reads projections in the order of the layers, and each norm with its length", () => {
    const model = tinyModel("Qwen3ForCausalLM", { num_hidden_layers: 1 });
    expect(modulesOf(model, new FakeSource(model))).toEqual([
      ["model.embed_tokens"],
      ["0.self_attn.q_proj", "0.self_attn.k_proj", "0.self_attn.v_proj"],
      ["0.self_attn.o_proj"],
      ["0.mlp.gate_proj", "0.mlp.up_proj"],
      ["0.mlp.down_proj"],
      ["lm_head"],
    ]);
    expect(planLoads(model, new FakeSource(model)).vectors).toEqual([
      { tensor: "model.layers.0.input_layernorm.weight", length: 8 },
      { tensor: "model.layers.0.self_attn.q_norm.weight", length: 2 },
      { tensor: "model.layers.0.self_attn.k_norm.weight", length: 2 },
      { tensor: "model.layers.0.post_attention_layernorm.weight", length: 8 },
      { tensor: "model.norm.weight", length: 8 },
    ]);
  });

  test("a fused linear is read as it lies in the file: whole or in parts", () => {
    const model = tinyModel("Phi3ForCausalLM", { num_hidden_layers: 1 });
    const whole = modulesOf(model, new FakeSource(model));
    expect(whole.slice(1, 4)).toEqual([["0.self_attn.qkv_proj"], ["0.self_attn.o_proj"], ["0.mlp.gate_up_proj"]]);
    const split = planLoads(model, new FakeSource(model, { split: true }));
    expect(modulesOf(model, new FakeSource(model, { split: true }))[3]).toEqual(["0.mlp.gate_proj", "0.mlp.up_proj"]);
    expect(split.projections[3].keys).toEqual(["model.layers.0.mlp.gate_up_proj"]);
  });

  test("a tied head borrows only where the file has none of its own", () => {
    const model = tinyModel("LlamaForCausalLM", { tie_word_embeddings: true });
    const borrowed = planLoads(model, new FakeSource(model));
    expect(borrowed.projections[0].keys).toEqual(["model.embed_tokens", "lm_head"]);
    expect(borrowed.projections.at(-1)?.keys).toEqual(["model.layers.1.mlp.down_proj"]);
    const own = planLoads(model, new FakeSource(tinyModel("LlamaForCausalLM")));
    expect(own.projections[0].keys).toEqual(["model.embed_tokens"]);
    expect(own.projections.at(-1)?.keys).toEqual(["lm_head"]);
  });

  test("says which weight is missing", () => {
    const llama = tinyModel("LlamaForCausalLM");
    const lacks = ["model.layers.1.mlp.down_proj"];
    const missing = () => planLoads(llama, new FakeSource(llama, { lacks }));
    expect(missing).toThrow(FormatError);
    expect(missing).toThrow('the checkpoint holds no weight for "model.layers.1.mlp.down_proj"; it is incomplete');
    const untied = () => planLoads(llama, new FakeSource(llama, { lacks: ["lm_head"] }));
    expect(untied).toThrow('no weight for "lm_head"');
    const phi3 = tinyModel("Phi3ForCausalLM");
    const half = { split: true, lacks: ["model.layers.0.mlp.up_proj"] };
    expect(() => planLoads(phi3, new FakeSource(phi3, half))).toThrow(
      'no weight for "model.layers.0.mlp.gate_up_proj", nor all of "model.layers.0.mlp.gate_proj", "model.layers.0.mlp.up_proj"',
    );
  });
});
