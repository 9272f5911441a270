import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { tinyModel } from "../support/tiny-model.ts";
import { writeFolder } from "../support/write-folder.ts";
import { fewbit, fewbitJson, golden, hasNative, isBuilt, launcher } from "./fewbit.ts";

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

describe.skipIf(!isBuilt || !hasNative)("bench kernels", () => {
  test.each([["2"], ["3", "--asym"], ["4", "--act-order"], ["8", "--asym", "--act-order"]])(
    "%s bit %s",
    async (...flags) => {
      const args = ["bench", "kernels", "--shapes", "256x96,64x32", "--rows", "1,5", "-r", "2", "--group-size", "64"];
      const found = await fewbitJson<{ microseconds: number[] }[]>([...args, "--backend", "cpu", "--bits", ...flags]);
      const common = {
        op: "linear",
        scheme: "affine",
        bits: Number(flags[0]),
        groupSize: 64,
        kernel: "linear_affine_int8",
      };
      expect(found).toMatchObject([
        { ...common, rows: 1, in: 256, out: 96 },
        { ...common, rows: 5, in: 256, out: 96 },
        { ...common, rows: 1, in: 64, out: 32 },
        { ...common, rows: 5, in: 64, out: 32 },
      ]);
      for (const { microseconds } of found) expect(microseconds).toHaveLength(2);
    },
  );
});

describe.skipIf(!isBuilt)("bench latency", () => {
  test("batches of prompts, from submitting them to the end", async () => {
    const lengths = ["--input-len", "12", "--output-len", "4", "--batch-size", "3"];
    const args = ["bench", "latency", model, ...lengths, "--num-iters", "4", "--backend", "reference"];
    const found = await fewbitJson<{ avgLatency: number; percentiles: Record<string, number>; latencies: number[] }>(
      args,
    );
    expect(found.latencies).toHaveLength(4);
    expect(Object.keys(found.percentiles)).toEqual(["10", "25", "50", "75", "90", "99"]);
    expect(found.avgLatency).toBeCloseTo(found.latencies.reduce((sum, value) => sum + value / 4, 0));
  });
});

describe.skipIf(!isBuilt)("bench serve", () => {
  test("loads one after the other, and a drawing of them", async () => {
    const folder = mkdtempSync(join(tmpdir(), "fewbit-bench-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const speaking = join(folder, "model");
    await writeFolder(tinyModel(), speaking);
    const server = spawn(process.execPath, [launcher, "serve", speaking, "--port", "0", "--json", "--api-key", "k"]);
    onTestFinished(() => void server.kill("SIGKILL"));
    const [line] = (await once(server.stdout.setEncoding("utf8"), "data")) as [string];
    const { url } = JSON.parse(line) as { readonly url: string };
    const plot = join(folder, "latency.svg");
    const lengths = ["--random-input-len", "9", "--random-output-len", "5", "--ignore-eos"];
    const args = ["bench", "serve", "--base-url", url, "--num-prompts", "6", ...lengths, "--max-concurrency", "1,3"];
    const found = await fewbitJson<object[]>([...args, "--api-key", "k", "--plot", plot]);
    const counts = { completed: 6, failed: 0, total_input_tokens: 54, total_output_tokens: 30 };
    expect(found).toEqual([
      expect.objectContaining({ max_concurrency: 1, request_rate: "inf", ...counts }),
      expect.objectContaining({ max_concurrency: 3, request_rate: "inf", ...counts }),
    ]);
    expect(readFileSync(plot, "utf8")).toContain("TTFT median");

    const locked = await fewbit([...args, "--api-key", "wrong"]);
    expect(locked).toMatchObject({ code: 1, stdout: "" });
    expect(locked.stderr).toContain("asks for a key");
  });

  test("where nobody listens", async () => {
    const { code, stderr } = await fewbit(["bench", "serve", "--base-url", "http://127.0.0.1:9"]);
    expect(code).toBe(1);
    expect(stderr).toContain("is the server running?");
  });
});

test.skipIf(!isBuilt)("doctor: the machine, and which backends can run", async () => {
  const found = await fewbitJson<{ node: string; backends: { name: string; available: boolean; rates?: object }[] }>([
    "doctor",
    "--bench",
  ]);
  expect(found).toMatchObject({
    node: process.version,
    cpu: { model: expect.any(String) as string },
    memory: { totalBytes: expect.any(Number) as number },
  });
  const [cuda, cpu, reference, ...others] = found.backends;
  expect(cuda).toMatchObject({ name: "cuda" });
  expect(cpu).toMatchObject({ name: "cpu", available: hasNative });
  expect(Object.keys(cpu.rates ?? {})).toEqual(
    hasNative ? ["readRate", "dotRate", "barrierSeconds", "callSeconds"] : [],
  );
  expect(reference).toMatchObject({ name: "reference", available: true });
  expect(reference.rates).toBeUndefined();
  expect(others.map(({ name, available }) => [name, available])).toEqual([["webgpu", false]]);
});
