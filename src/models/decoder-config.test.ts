import { describe, expect, test } from "vitest";
import { FormatError, UnsupportedError } from "../util/errors.ts";
import { ConfigReader } from "./config-reader.ts";
import { readDecoderConfig } from "./decoder-config.ts";

const smallest = {
  vocab_size: 256,
  hidden_size: 64,
  intermediate_size: 160,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  rms_norm_eps: 1e-5,
  max_position_embeddings: 512,
};
const read = (changes: object) => readDecoderConfig(new ConfigReader({ ...smallest, ...changes }, "config.json"));

describe("readDecoderConfig", () => {
  test("fills in what old configs leave out", () => {
    expect(read({})).toEqual({
      vocabSize: 256,
      hiddenSize: 64,
      intermediateSize: 160,
      layerCount: 3,
      heads: 4,
      kvHeads: 4,
      headDim: 16,
      norm: "rms",
      normEps: 1e-5,
      contextLength: 512,
      activation: "silu",
      tieEmbeddings: false,
    });
  });

  test("takes what is said", () => {
    const changes = { num_key_value_heads: 2, head_dim: 32, tie_word_embeddings: true, hidden_act: "silu" };
    expect(read(changes)).toMatchObject({ kvHeads: 2, headDim: 32, tieEmbeddings: true });
    expect(read({ head_dim: null, num_key_value_heads: null })).toMatchObject({ kvHeads: 4, headDim: 16 });
  });

  test("a class may have keys of its own, which messages then name", () => {
    const keys = { layerCount: "n_layer", kvHeads: "n_kv_head" };
    const own = (changes: object) =>
      readDecoderConfig(new ConfigReader({ ...smallest, ...changes }, "config.json"), { keys });
    expect(own({ n_layer: 7, n_kv_head: 2 })).toMatchObject({ layerCount: 7, kvHeads: 2, heads: 4 });
    expect(() => own({ n_layer: 7, n_kv_head: 3 })).toThrow("n_kv_head: expected a divisor of num_attention_heads");
    expect(() => own({})).toThrow("n_layer: expected an integer from 1 to 1024, found nothing");
  });

  test.each([
    [{ num_hidden_layers: 1025 }, "num_hidden_layers: expected an integer from 1 to 1024, found 1025"],
    [{ vocab_size: 2 ** 22 + 1 }, "vocab_size"],
    [{ hidden_size: 2 ** 31 }, "hidden_size"],
    [{ hidden_size: 0 }, "hidden_size"],
    [{ num_key_value_heads: 3 }, "num_key_value_heads: expected a divisor of num_attention_heads, which is 4, found 3"],
    [{ hidden_size: 65 }, "head_dim: expected an integer, since hidden_size 65 is no multiple of 4 heads"],
    [{ rms_norm_eps: -1 }, "rms_norm_eps"],
  ])("refuses %j", (changes, message) => {
    expect(() => read(changes)).toThrow(FormatError);
    expect(() => read(changes)).toThrow(message);
  });

  test("activations go by transformers' names; another is named", () => {
    expect(read({ hidden_act: "gelu_new" }).activation).toBe("gelu-tanh");
    expect(read({ hidden_act: "gelu" }).activation).toBe("gelu");
    expect(() => read({ hidden_act: "relu2" })).toThrow(UnsupportedError);
    expect(() => read({ hidden_act: "relu2" })).toThrow('hidden_act: "relu2" is not supported; supported: silu');
  });
});
