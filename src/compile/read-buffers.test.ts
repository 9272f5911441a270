import { describe, expect, test } from "vitest";
import { FakeDevice, FakeSource, tinyModel } from "./compile-test-kit.ts";
import { loadWeights } from "./load-weights.ts";
import { planLoads } from "./plan-loads.ts";
import { ReadBuffers } from "./read-buffers.ts";
import type { LoadedLinear, ReadMemory } from "./weight-source.ts";

describe("buffers that go round", () => {
  test("what is given back fits the next of about its size, and nobody else meanwhile", () => {
    const buffers = new ReadBuffers();
    const first = buffers.borrow();
    const [large, small] = [first.take(1000), first.take(100)];
    expect(buffers.borrow().take(1000)).not.toBe(large);
    first.giveBack();
    const second = buffers.borrow();
    expect([second.take(90), second.take(501)]).toEqual([small, large]);
    expect(second.take(1000)).not.toBe(large);
  });

  test("a far larger one is left for whoever needs it", () => {
    const buffers = new ReadBuffers();
    const first = buffers.borrow();
    const large = first.take(1000);
    first.giveBack();
    expect(buffers.borrow().take(10)).not.toBe(large);
  });
});

/** Takes the memory for every weight, and counts what it was given for the first time. */
class CountingSource extends FakeSource {
  readonly seen = new Set<Uint8Array>();
  reads = 0;

  override async linear(module: string, memory?: ReadMemory): Promise<LoadedLinear> {
    const loaded = await super.linear(module);
    if (loaded.weight.scheme !== "dense" || memory === undefined)
      throw new TypeError("expected dense weights and memory");
    const buffer = memory.take(loaded.weight.values.byteLength);
    this.seen.add(buffer);
    this.reads++;
    return { ...loaded, weight: { ...loaded.weight, values: buffer } };
  }
}

describe("loading many layers", () => {
  const model = tinyModel("LlamaForCausalLM", { num_hidden_layers: 20 });

  test("reads them into the buffers of the first few", async () => {
    const source = new CountingSource(model);
    await loadWeights(planLoads(model, source), source, new FakeDevice());
    expect(source.reads).toBe(2 + 20 * 7);
    expect(source.seen.size).toBeLessThan(20);
  });

  test("leaves the bytes alone that a device goes on reading", async () => {
    const source = new CountingSource(model);
    const device = new FakeDevice();
    device.keepsBytes = true;
    await loadWeights(planLoads(model, source), source, device);
    expect(source.seen.size).toBe(source.reads);
  });
});
