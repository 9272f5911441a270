import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { exact, fewbit, fewbitJson, golden, hasNative, isBuilt, scratchFolder } from "./fewbit.ts";

const backends = hasNative ? ["reference", "cpu"] : ["reference"];

interface Matrix {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** The tensor `logits` of a file, read without any code of ours. */
function readLogits(path: string): Matrix {
  const bytes = readFileSync(path);
  const end = 8 + Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, end).toString()) as {
    readonly logits: { readonly dtype: string; readonly shape: number[]; readonly data_offsets: [number, number] };
  };
  const { dtype, shape, data_offsets } = header.logits;
  expect(dtype).toBe("F32");
  const [from, to] = data_offsets.map((offset) => offset + end);
  return { shape, data: new Float32Array(Uint8Array.from(bytes.subarray(from, to)).buffer) };
}

function relativeError(found: Float32Array, wanted: Float32Array): number {
  expect(found.length).toBe(wanted.length);
  let difference = 0;
  let norm = 0;
  wanted.forEach((value, i) => {
    difference += (found[i] - value) ** 2;
    norm += value ** 2;
  });
  return Math.sqrt(difference / norm);
}

describe.skipIf(!isBuilt).each(backends)("eval on %s", (backend) => {
  const flags = [...exact, "--backend", backend];

  test.each(["arch/qwen2-swa", "models/gptqv2-2b-g64-asym"])("logits of %s", async (name) => {
    const { path, promptIds } = golden(name);
    const folder = scratchFolder();
    const out = join(folder, "logits.safetensors");
    const args = ["eval", "logits", path, "--ids", promptIds.join(","), "--out", out, ...flags];
    const printed = await fewbitJson<{ shape: number[]; out: string }>(args);
    const { shape, data } = readLogits(out);
    expect(printed).toEqual({ shape, out });
    expect(shape[0]).toBe(promptIds.length);
    // All in f32: what is left is the order of sums.
    expect(relativeError(data, readLogits(join(path, "logits.safetensors")).data)).toBeLessThan(1e-4);
    expect(readdirSync(folder)).toEqual(["logits.safetensors"]);
  });

  test("perplexity is that of the logits, over whole chunks", async () => {
    const { path, promptIds } = golden("arch/llama3");
    const folder = scratchFolder();
    const [ids, out] = [join(folder, "ids.json"), join(folder, "logits.safetensors")];
    const chunk = 10;
    writeFileSync(ids, JSON.stringify(promptIds));
    expect(promptIds.length).toBe(2 * chunk + 4);
    let sum = 0;
    for (const start of [0, chunk]) {
      const tokens = promptIds.slice(start, start + chunk);
      await fewbitJson(["eval", "logits", path, "--ids", tokens.join(","), "--out", out, ...flags]);
      const { shape, data } = readLogits(out);
      for (let row = 0; row + 1 < chunk; row++) {
        const logits = [...data.subarray(row * shape[1], (row + 1) * shape[1])];
        const total = logits.reduce((all, logit) => all + Math.exp(logit), 0);
        sum += Math.log(total) - logits[tokens[row + 1]];
      }
    }
    const args = ["eval", "ppl", path, "--ids", `@${ids}`, "--ctx-size", String(chunk), ...flags];
    const found = await fewbitJson<{ perplexity: number; tokens: number; chunks: number }>(args);
    expect(found).toMatchObject({ tokens: 18, chunks: 2 });
    expect(found.perplexity / Math.exp(sum / 18)).toBeCloseTo(1, 6);
  });
});

test.skipIf(!isBuilt)("a file that was there stays when the model fails", async () => {
  const folder = scratchFolder();
  const out = join(folder, "logits.safetensors");
  writeFileSync(out, "precious");
  const { path } = golden("arch/llama3");
  const { code } = await fewbit(["eval", "logits", path, "--ids", "1,99999", "--out", out]);
  expect(code).toBe(1);
  expect(readdirSync(folder)).toEqual(["logits.safetensors"]);
  expect(readFileSync(out, "utf8")).toBe("precious");
});
