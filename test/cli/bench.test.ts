import { describe, expect, test } from "vitest";
import { fewbit, fewbitJson, golden, hasNative, isBuilt } from "./fewbit.ts";

interface BenchJson {
  readonly pp: { readonly tokens: number; readonly tokensPerSecond: readonly number[] };
  readonly tg: { readonly tokens: number; readonly tokensPerSecond: readonly number[] };
  readonly bytesPerToken: number;
  readonly shareOfBandwidth: number | null;
}

const { path: model } = golden("arch/qwen2-swa");

describe.skipIf(!isBuilt)("bench run", () => {
  const args = ["bench", "run", model, "-p", "12", "-n", "6", "-r", "3", "-d", "20"] as const;

  test("on the reference", async () => {
    const found = await fewbitJson<BenchJson>([...args, "--backend", "reference"]);
    expect(found).toMatchObject({
      pp: { tokens: 12 },
      tg: { tokens: 6 },
      ...{ depth: 20, batch: 1, threads: 1, backend: "reference" },
      shareOfBandwidth: null, // it does not measure itself
    });
    for (const { tokensPerSecond } of [found.pp, found.tg]) {
      expect(tokensPerSecond).toHaveLength(3);
      for (const rate of tokensPerSecond) expect(rate).toBeGreaterThan(0);
    }
    expect(found.bytesPerToken).toBeGreaterThan(0);
  });

  test.skipIf(!hasNative)("on the CPU: shares of what the machine can do, several sequences, threads", async () => {
    const flags = ["--backend", "cpu", "--threads", "1", "-b", "3"];
    const found = await fewbitJson<BenchJson>([...args, ...flags]);
    expect(found).toMatchObject({ batch: 3, threads: 1, backend: "cpu" });
    expect(found.shareOfBandwidth).toBeGreaterThan(0);
    const alone = await fewbitJson<BenchJson>([...args, "--backend", "cpu", "--threads", "1"]);
    expect(found.bytesPerToken).toBeLessThan(alone.bytesPerToken);
  });

  test("one of both may be left out", async () => {
    const found = await fewbitJson<BenchJson>([...args.slice(0, 3), "-p", "0", "-n", "2", "-r", "1"]);
    expect(found.pp).toEqual({ tokens: 0, tokensPerSecond: [] });
    expect(found.tg.tokensPerSecond).toHaveLength(1);
  });

  test("for people", async () => {
    const { code, stdout } = await fewbit([...args, "--backend", "reference"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Qwen2ForCausalLM .*reference +1 +pp12 @ d20 +[\d.]+ ± [\d.]+$/m);
    expect(stdout).toMatch(/ tg6 @ d20 +[\d.]+ ± [\d.]+$/m);
  });
});

test.skipIf(!isBuilt)("doctor: the machine, and which backends can run", async () => {
  const found = await fewbitJson<{ node: string; backends: { name: string; available: boolean; rates?: object }[] }>([
    "doctor",
  ]);
  expect(found).toMatchObject({
    node: process.version,
    cpu: { model: expect.any(String) as string },
    memory: { totalBytes: expect.any(Number) as number },
  });
  const [cpu, reference, ...others] = found.backends;
  expect(cpu).toMatchObject({ name: "cpu", available: hasNative });
  expect(Object.keys(cpu.rates ?? {})).toEqual(
    hasNative ? ["readRate", "dotRate", "barrierSeconds", "callSeconds"] : [],
  );
  expect(reference).toMatchObject({ name: "reference", available: true });
  expect(others.map(({ name, available }) => [name, available])).toEqual([
    ["cuda", false],
    ["webgpu", false],
  ]);
});
