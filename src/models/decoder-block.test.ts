import { describe, expect, test } from "vitest";
import { UnsupportedError } from "../util/errors.ts";
import { blocks, decoderBlock, decoderModel, type DecoderBlockOptions } from "./decoder-block.ts";
import type { DecoderConfig } from "./decoder-config.ts";
import type { AttentionLayer, MlpLayer } from "./model.ts";
import { plainRope } from "./rope.ts";

const config: DecoderConfig = {
  vocabSize: 256,
  hiddenSize: 64,
  intermediateSize: 160,
  layerCount: 3,
  heads: 4,
  kvHeads: 2,
  headDim: 16,
  norm: "rms",
  normEps: 1e-5,
  contextLength: 512,
  activation: "silu",
  tieEmbeddings: false,
};

describe("decoderBlock", () => {
  test("a family may name modules its own way, and fuse q, k and v alone", () => {
    const names = { qkv: "attn.qkv", mlpNorm: "ln_2", queryNorm: "attn.q_ln" };
    const options: DecoderBlockOptions = { names, fusedQkv: true, queryKeyNorms: "head", rope: 1 };
    const [attention, mlp] = decoderBlock("h.0", config, options) as [AttentionLayer, MlpLayer];
    expect(attention.qkv).toMatchObject([{ module: "h.0.attn.qkv", inFeatures: 64, outFeatures: 128 }]);
    expect(attention).toMatchObject({
      norm: { module: "h.0.input_layernorm" },
      queryNorm: { module: "h.0.attn.q_ln" },
      keyNorm: { module: "h.0.self_attn.k_norm" },
      rope: 1,
    });
    expect(mlp.norm?.module).toBe("h.0.ln_2");
    expect(mlp.inner).toMatchObject({ gateUp: [{ module: "h.0.mlp.gate_proj" }, { module: "h.0.mlp.up_proj" }] });
  });

  test("gate and up may be fused alone", () => {
    const [attention, mlp] = decoderBlock("h.0", config, { fusedGateUp: true }) as [AttentionLayer, MlpLayer];
    expect(attention.qkv).toHaveLength(3);
    expect(mlp.inner).toMatchObject({ gateUp: [{ module: "h.0.mlp.gate_up_proj", outFeatures: 320 }] });
  });
});

test("blocks are numbered in their list", () => {
  const prefixes: string[] = [];
  blocks(config, (prefix) => (prefixes.push(prefix), []), "transformer.h");
  expect(prefixes).toEqual(["transformer.h.0", "transformer.h.1", "transformer.h.2"]);
});

describe("decoderModel", () => {
  const rope = plainRope(10_000, 16);

  test("has the ropes in the order given, and where any of them changes over", () => {
    const long = { ...plainRope(500_000, 16), switchLength: 128 };
    const model = decoderModel("Toy", config, [rope, long], []);
    expect(model.ropes).toEqual([rope.spec, long.spec]);
    expect(model.ropeSwitchLength).toBe(128);
    expect(decoderModel("Toy", config, [rope, rope], []).ropeSwitchLength).toBeUndefined();
  });

  test("refuses ropes that change over at different lengths", () => {
    const ropes = [128, 256].map((switchLength) => ({ ...rope, switchLength })) as [typeof rope, typeof rope];
    expect(() => decoderModel("Toy", config, ropes, [])).toThrow(UnsupportedError);
    expect(() => decoderModel("Toy", config, ropes, [])).toThrow("change over at 128 and at 256 positions");
  });
});
