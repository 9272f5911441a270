import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, test } from "vitest";
import { writeSafetensors } from "../../src/containers/safetensors/write-safetensors.ts";
import { filesBelow, fixtures } from "../support/fixtures.ts";
import { expectFailure, fewbit, fewbitJson, golden, hasNative, isBuilt, scratchFolder } from "./fewbit.ts";

interface InspectJson {
  readonly format: string;
  readonly declared: Readonly<Record<string, unknown>> | null;
  readonly architecture: string | null;
  readonly parameters: number;
  readonly bitsPerWeight: number | null;
  readonly weights: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly scheme: string;
    readonly bits: number;
    readonly groupSize?: number;
    readonly sha256?: string;
  }[];
  readonly backends: readonly {
    readonly backend: string;
    readonly canRun: boolean;
    readonly detail: string;
    readonly kernels: readonly { readonly kernel: string; readonly linears: number }[];
    readonly memory?: Readonly<Record<"weightBytes" | "cacheBytes" | "scratchBytes" | "totalBytes", number>>;
  }[];
  readonly memory: Readonly<Record<"totalBytes" | "freeBytes", number>>;
}

const quantized = golden("models/gptq-3b-g128-asym");

describe.skipIf(!isBuilt)("a whole model", () => {
  test.each(["models/gptq-3b-g128-asym", "models/gptq-4b-g128-sym-lmhead"])("hashes of %s", async (name) => {
    const { path, weights } = golden(name);
    const { weights: found } = await fewbitJson<InspectJson>(["inspect", path, "--hashes"]);
    for (const [weight, { shape, sha256 }] of Object.entries(weights))
      expect(found.find((candidate) => candidate.name === weight)).toMatchObject({ name: weight, shape, sha256 });
  });

  test("as JSON", async () => {
    const found = await fewbitJson<InspectJson>(["inspect", quantized.path]);
    expect(found).toMatchObject({ format: "gptq", declared: { bits: 3 }, architecture: "LlamaForCausalLM" });
    expect(found.weights.find(({ name }) => name.endsWith("layers.0.self_attn.q_proj"))).toEqual({
      name: "model.layers.0.self_attn.q_proj",
      shape: [256, 256],
      scheme: "affine",
      bits: 3,
      groupSize: 128,
    });
    expect(found.bitsPerWeight).toBeGreaterThan(3);
    const [, cpu, reference] = found.backends;
    expect(reference).toMatchObject({ backend: "reference", canRun: true, kernels: [{ linears: 9 }] });
    expect(found.backends.map(({ backend }) => backend)).toEqual(["cuda", "cpu", "reference", "webgpu"]);
    expect(cpu.canRun).toBe(hasNative);
  });

  test("plans the memory of a backend for the context and the answers that are asked for", async () => {
    const plan = async (...flags: string[]) => {
      const args = ["inspect", quantized.path, "--backend", "reference", ...flags];
      const { backends, memory } = await fewbitJson<InspectJson>(args);
      expect(memory.totalBytes).toBeGreaterThanOrEqual(memory.freeBytes);
      const [{ memory: needs }] = backends;
      if (needs === undefined) throw new Error("no plan");
      expect(needs.totalBytes).toBe(needs.weightBytes + needs.cacheBytes + needs.scratchBytes);
      return needs;
    };
    const short = await plan("--ctx-size", "64");
    const long = await plan("--ctx-size", "128");
    const several = await plan("--ctx-size", "64", "--max-num-seqs", "3");
    expect(long).toMatchObject({ contextLength: 128, sequences: 1, weightBytes: short.weightBytes });
    expect(long.cacheBytes).toBe(2 * short.cacheBytes);
    expect(several).toMatchObject({ contextLength: 64, sequences: 3 });
    expect(several.cacheBytes).toBe(3 * short.cacheBytes);
    expect((await fewbit(["inspect", quantized.path, "--ctx-size", "64"])).stdout).toMatch(
      /^ +takes .* with a context of 64: weights .*, KV cache .*, scratch .*$/m,
    );
  });

  test("for people; the program with --verbose", async () => {
    const { path } = golden("models/gptq-4b-g128-asym-actorder");
    const { code, stdout, stderr } = await fewbit(["inspect", path, "--verbose", "--backend", "reference"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^model\.layers\.\{0-1\}\.mlp\.down_proj +2 × +256 × 640 +4-bit affine-zero, groups of 128/m,
    );
    expect(stdout).toMatch(/^reference +can run it/m);
    expect(stderr).toMatch(/^embed model\.embed_tokens -> hidden$/m);
  });

  test("an architecture that fewbit does not know", async () => {
    const folder = scratchFolder();
    cpSync(golden("arch/llama-tied").path, folder, { recursive: true });
    const config = JSON.parse(readFileSync(join(folder, "config.json"), "utf8")) as object;
    writeFileSync(join(folder, "config.json"), JSON.stringify({ ...config, architectures: ["NovelForCausalLM"] }));
    const found = await fewbitJson<InspectJson>(["inspect", folder]);
    expect(found.architecture).toBe("NovelForCausalLM");
    expect(found.weights.length).toBeGreaterThan(0);
    for (const { canRun } of found.backends) expect(canRun).toBe(false);
    expect(found.backends[1].detail).toMatch(/"NovelForCausalLM" is not supported/);
  });
});

test.skipIf(!isBuilt)("a bare container", async () => {
  const folder = scratchFolder();
  cpSync(join(golden("arch/llama-tied").path, "logits.safetensors"), join(folder, "x.safetensors"));
  const found = await fewbitJson<InspectJson>(["inspect", join(folder, "x.safetensors"), "--hashes"]);
  expect(found).toMatchObject({ format: "dense", declared: null, architecture: null });
  expect(found.weights).toMatchObject([{ name: "logits", scheme: "dense", bits: 32 }]);
  expect(found.weights[0].sha256).toMatch(/^[0-9a-f]{64}$/);
});

test.skipIf(!isBuilt)("a format that nothing reads is named, and its tensors are listed", async () => {
  const folder = scratchFolder();
  cpSync(quantized.path, folder, { recursive: true });
  const config = JSON.parse(readFileSync(join(folder, "config.json"), "utf8")) as object;
  const declared = { quant_method: "novel\x1b[2J", bits: 3 };
  writeFileSync(join(folder, "config.json"), JSON.stringify({ ...config, quantization_config: declared }));
  const found = await fewbitJson<InspectJson & { unreadable: string }>(["inspect", folder, "--hashes"]);
  expect(found).toMatchObject({ format: declared.quant_method, declared, bitsPerWeight: null });
  expect(found.unreadable).toMatch(/declares the quantization method "novel\\u001b\[2J"/);
  const codes = found.weights.find(({ name }) => name === "model.layers.0.self_attn.q_proj.qweight");
  expect(codes).toMatchObject({ shape: [24, 256], bits: 32 });
  expect(codes?.sha256).toBeUndefined(); // no floats
  for (const { canRun, detail } of found.backends.slice(0, 2))
    expect({ canRun, detail }).toEqual({ canRun: false, detail: found.unreadable });
  const { code, stdout } = await fewbit(["inspect", folder]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^format +novel\\u001b.*\n +cannot be read/m);
  expectFailure(await fewbit(["run", folder, "--ids", "1", "--json"]), 1, /declares the quantization method/);
});

test.skipIf(!isBuilt)("a bare file of a format that nothing reads is named by its tensors", async () => {
  const path = join(scratchFolder(), "x.safetensors");
  const data = async function* (): AsyncGenerator<Uint8Array> {
    yield new Uint8Array(8);
  };
  const chunks: Uint8Array[] = [];
  await writeSafetensors(
    [{ name: "a.W_q", dtype: "U8", shape: [2, 4], data }],
    async (bytes) => void chunks.push(bytes),
  );
  writeFileSync(path, Buffer.concat(chunks));
  const found = await fewbitJson<InspectJson & { unreadable: string }>(["inspect", path]);
  expect(found).toMatchObject({ format: "HQQ", declared: null, architecture: null, bitsPerWeight: null });
  expect(found.weights).toMatchObject([{ name: "a.W_q", shape: [2, 4], bits: 8 }]);
});

describe.skipIf(!isBuilt)("hostile files are refused at once", () => {
  test.each(filesBelow(join(fixtures, "hostile"), ".safetensors").map((path) => [basename(path), path]))(
    "%s",
    async (_, path) => {
      expectFailure(await fewbit(["inspect", path, "--json"]), 1, new RegExp(basename(path)));
    },
    5_000,
  );
});
