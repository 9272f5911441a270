import { describe, expect, test } from "vitest";
import type { Model } from "../models/model.ts";
import { AbortedError, FormatError } from "../util/errors.ts";
import type { LoadProgress } from "../util/load-progress.ts";
import { FakeDevice, FakeSource, tinyModel, type FakeSourceOptions } from "./compile-test-kit.ts";
import { loadWeights, type LoadOptions } from "./load-weights.ts";
import type { ModelWeights } from "./model-weights.ts";
import { planLoads } from "./plan-loads.ts";

const llama = tinyModel("LlamaForCausalLM", { num_hidden_layers: 1 });

function load(model: Model, device: FakeDevice, options: FakeSourceOptions & LoadOptions = {}) {
  const source = new FakeSource(model, options);
  return loadWeights(planLoads(model, source), source, device, options);
}

const widthsOf = ({ table }: ModelWeights) =>
  table.weights.map(({ summaries }) => summaries.map(({ outFeatures }) => outFeatures));

describe("loadWeights", () => {
  test("fuses what the device can fuse, in the order of the modules", async () => {
    const weights = await load(llama, new FakeDevice());
    const { table, prepared } = weights;
    expect(widthsOf(weights)).toEqual([[32], [8, 4, 4], [8], [12, 12], [8], [32]]);
    expect(table.weights[1]).toMatchObject({ inFeatures: 8, outFeatures: 16, summaries: [{}, {}, {}] });
    expect(table.weights[1].parts.map((part) => part.slice(-6))).toEqual(["q_proj", "k_proj", "v_proj"]);
    expect(prepared).toHaveLength(6);
    expect(table.linears.get("model.layers.0.mlp.gate_proj")).toEqual([{ weight: 3, outFeatures: 24 }]);
  });

  test("what cannot be fused stays apart, its neighbours together", async () => {
    const apart = await load(llama, new FakeDevice(() => "never"));
    expect(widthsOf(apart)).toEqual([[32], [8], [4], [4], [8], [12], [12], [8], [32]]);
    const pairs = await load(llama, new FakeDevice((parts) => (parts.length > 2 ? "two at most" : undefined)));
    expect(widthsOf(pairs).slice(0, 4)).toEqual([[32], [8, 4], [4], [8]]);
    expect(pairs.table.linears.get("model.layers.0.self_attn.q_proj")).toEqual([
      { weight: 1, outFeatures: 12 },
      { weight: 2, outFeatures: 4 },
    ]);
  });

  test("biases stand side by side, zeros where a part has none", async () => {
    const { table, vectors } = await load(llama, new FakeDevice(), { biases: ["q_proj", "v_proj"] });
    const [{ bias }] = table.linears.get("model.layers.0.self_attn.q_proj") ?? [];
    expect(bias).toBe(0);
    expect([...vectors[0]]).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 2, 2, 2, 2]);
    expect(table.vectors[0]).toEqual({
      name: "model.layers.0.self_attn.q_proj.bias + model.layers.0.self_attn.v_proj.bias",
      length: 16,
    });
    const own = await load(llama, new FakeDevice(() => "never"), { biases: ["q_proj", "v_proj"] });
    expect(own.table.linears.get("model.layers.0.self_attn.q_proj")).toEqual([
      { weight: 1, outFeatures: 8, bias: 0 },
      { weight: 2, outFeatures: 4 },
      { weight: 3, outFeatures: 4, bias: 1 },
    ]);
  });

  test("norms come after the biases, by their tensors' names", async () => {
    const { table, vectors } = await load(llama, new FakeDevice(), { biases: ["o_proj"] });
    expect(table.vectors.map(({ name }) => name)).toEqual([
      "model.layers.0.self_attn.o_proj.bias",
      "model.layers.0.input_layernorm.weight",
      "model.layers.0.post_attention_layernorm.weight",
      "model.norm.weight",
    ]);
    expect(table.tensors.get("model.norm.weight")).toBe(3);
    expect(vectors.map(({ length }) => length)).toEqual([8, 8, 8, 8]);
  });

  test("a tied head is the embedding's weight", async () => {
    const device = new FakeDevice();
    const { table } = await load(tinyModel("LlamaForCausalLM", { tie_word_embeddings: true }), device);
    expect(table.linears.get("lm_head")).toEqual([{ weight: 0, outFeatures: 32 }]);
    expect(device.prepared.filter(([width]) => width === 32)).toHaveLength(1);
  });

  test("a shape that is not the model's is named, and nothing stays on the device", async () => {
    const device = new FakeDevice();
    const loading = load(llama, device, { outFeatures: { down_proj: 9 } });
    await expect(loading).rejects.toThrow(FormatError);
    await expect(loading).rejects.toThrow(
      '"model.layers.0.mlp.down_proj": its weight takes 12 features to 9; by config.json it must take 12 to 8',
    );
    expect(device.prepared.length).toBeGreaterThan(0);
    expect(device.live).toBe(0);
  });

  test("where headers tell shapes, the last is checked before the first weight is read", async () => {
    const source = new FakeSource(llama);
    const read: string[] = [];
    const headed = Object.assign(Object.create(source) as FakeSource, {
      shapeOf: (module: string) => ({ inFeatures: 8, outFeatures: module === "lm_head" ? 31 : 32 }),
      linear: (module: string) => (read.push(module), source.linear(module)),
    });
    const { projections } = planLoads(llama, source);
    const plan = { projections: projections.filter(({ keys }) => /embed|head/.test(keys.join(""))), vectors: [] };
    expect(plan.projections).toHaveLength(2);
    await expect(loadWeights(plan, headed, new FakeDevice())).rejects.toThrow(
      '"lm_head": its weight takes 8 features to 31',
    );
    expect(read).toEqual([]);
  });

  test("so are a bias and a norm of another length", async () => {
    const source = new FakeSource(llama, { biases: ["o_proj"] });
    const plan = planLoads(llama, source);
    const bias = Object.assign(Object.create(source) as FakeSource, {
      linear: async (module: string) => ({ ...(await source.linear(module)), bias: new Float32Array(3) }),
    });
    await expect(loadWeights(plan, bias, new FakeDevice())).rejects.toThrow("its bias has 3 values; its weight has");
    const norm = Object.assign(Object.create(source) as FakeSource, {
      linear: (module: string) => source.linear(module),
      vector: () => Promise.resolve(new Float32Array(9)),
    });
    await expect(loadWeights(plan, norm, new FakeDevice())).rejects.toThrow(
      "has 9 values; by config.json it must have 8",
    );
  });

  test("when the device fails, what it already holds is disposed of", async () => {
    const device = new FakeDevice(() => "never", 4);
    await expect(load(llama, device)).rejects.toThrow("the fake device is full");
    expect(device.prepared).toHaveLength(4);
    expect(device.live).toBe(0);
  });

  test("reports the bytes of every projection, read and prepared", async () => {
    const seen: LoadProgress[] = [];
    await load(llama, new FakeDevice(), { onProgress: (progress) => seen.push(progress) });
    const source = new FakeSource(llama);
    const lengths = planLoads(llama, source).projections.map(({ modules }) =>
      modules.reduce((sum, { module }) => sum + source.byteLengthOf(module), 0),
    );
    for (const phase of ["read", "prepare"] as const) {
      const done = seen.filter((progress) => progress.phase === phase).map(({ bytesDone }) => bytesDone);
      expect(done).toHaveLength(lengths.length);
      expect(done).toEqual([...done].sort((a, b) => a - b));
      expect(done.at(-1)).toBe(lengths.reduce((sum, length) => sum + length, 0));
    }
    expect(new Set(seen.map(({ bytesTotal }) => bytesTotal))).toEqual(new Set([seen.at(-1)?.bytesDone]));
  });

  test("an aborted load stops and leaves nothing behind", async () => {
    const abort = new AbortController();
    const device = new FakeDevice();
    const options = { signal: abort.signal, onProgress: () => abort.abort(new Error("enough")) };
    await expect(load(llama, device, options)).rejects.toThrow(AbortedError);
    expect(device.prepared.length).toBeLessThan(6);
    expect(device.live).toBe(0);
  });

  test("never has more than two projections on their way", async () => {
    const device = new FakeDevice();
    let active = 0;
    let most = 0;
    const slow = {
      refusesToFuse: () => undefined,
      prepare: async (parts: Parameters<FakeDevice["prepare"]>[0]) => {
        most = Math.max(most, ++active);
        await new Promise((resolve) => setTimeout(resolve, 1));
        active--;
        return device.prepare(parts);
      },
    };
    const source = new FakeSource(llama);
    await loadWeights(planLoads(llama, source), source, slow);
    expect(most).toBe(2);
  });
});
