import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { fewbitJson, golden, isBuilt, scratchFolder } from "./fewbit.ts";

const script = join(import.meta.dirname, "decode_written.py");

const hasNumpy = spawnSync("python3", ["-c", "import numpy"]).status === 0;
if (!hasNumpy) console.log("skipped: there is no python3 with numpy, which decodes what convert writes");

/** What each golden model can be written as without a loss. */
const exact: Readonly<Record<string, readonly string[]>> = {
  "models/gptq-4b-g128-asym-actorder": ["gptq", "gptq_v2", "gptq_p", "compressed-tensors"],
  "models/gptq-3b-g128-asym": ["gptq", "gptq_v2", "gptq_p", "compressed-tensors"],
  "models/gptqv2-2b-g64-asym": ["gptq", "gptq_v2", "compressed-tensors"],
  "models/gptq-4b-g128-sym-lmhead": ["gptq_v2", "compressed-tensors"],
  "models/gptq-mislabelled-v2data-says-gptq-4b-g128-sym": ["gptq", "awq"],
  "modules/marlin-g128": ["gptq", "awq", "compressed-tensors", "marlin"],
  "modules/awq-gemm-g64": ["gptq", "gptq_v2", "compressed-tensors", "awq"],
  "modules/ct-w4a16-g128-asym": ["gptq_v2", "awq"],
  "modules/ct-marlin24-w4-g128": ["gptq_v2", "compressed-tensors"],
};

const cases = Object.entries(exact).flatMap(([model, formats]) => formats.map((format) => ({ model, format })));

/** What holds the linears of each golden model exactly in GGUF; absent: found. */
const inGguf: Readonly<Record<string, string | undefined>> = {
  "models/gptq-4b-g128-sym-lmhead": undefined,
  "models/gptq-3b-g128-asym": undefined,
  "models/gptqv2-2b-g64-asym": "Q8_0",
  "models/gptq-4b-g128-asym-actorder": "F32",
  "models/gptq-mislabelled-v2data-says-gptq-4b-g128-sym": "Q4_0",
};

describe.skipIf(!isBuilt || !hasNumpy)("GGUF decodes, by an independent decoder, to the golden weights", () => {
  test.each(Object.entries(inGguf))("%s", async (model, type) => {
    const { path, weights } = golden(model);
    const out = join(scratchFolder(), "new.gguf");
    const flags = type === undefined ? [] : ["--type", type];
    await fewbitJson(["convert", path, "--to", "gguf", "--out", out, ...flags]);
    const { status, stdout, stderr } = spawnSync("python3", [script, out, "gguf"], { encoding: "utf8" });
    expect(status, stderr).toBe(0);
    const all = Object.entries(JSON.parse(stdout) as Record<string, string>);
    const found = all.filter(([name]) => name in weights); // a dense head is not among them
    expect(found.length).toBeGreaterThan(6);
    for (const [name, sha256] of found) expect(sha256, name).toBe(weights[name].sha256);
  });
});

describe.skipIf(!isBuilt || !hasNumpy)(
  "what is written decodes, by an independent decoder, to the golden weights",
  () => {
    test.each(cases)("$model as $format", async ({ model, format }) => {
      const { path, weights } = golden(model);
      const out = join(scratchFolder(), "new");
      const { modules } = await fewbitJson<{ modules: number }>(["convert", path, "--to", format, "--out", out]);
      const { status, stdout, stderr } = spawnSync("python3", [script, out, format], { encoding: "utf8" });
      expect(status, stderr).toBe(0);
      const found = Object.entries(JSON.parse(stdout) as Record<string, string>);
      expect(found).toHaveLength(modules);
      for (const [name, sha256] of found) expect(sha256, name).toBe(weights[name].sha256);
    });
  },
);
