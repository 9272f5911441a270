import type { ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { fixtures } from "../support/fixtures.ts";
import { expectFailure, fewbit, fewbitJson, golden, isBuilt, scratchFolder } from "./fewbit.ts";

const { path: symmetric } = golden("models/gptq-4b-g128-sym-lmhead");
const { path: reordered } = golden("models/gptq-4b-g128-asym-actorder");

const embedded = join(import.meta.dirname, "../../models/smollm2-135m-instruct-gptq-int4");

interface Converted {
  readonly to: string;
  readonly isExact: boolean;
  readonly modules: number;
  readonly lossy: readonly { readonly name: string; readonly relativeSquaredError: number }[];
  readonly files: readonly string[];
}

const read = (folder: string, name: string): unknown => JSON.parse(readFileSync(join(folder, name), "utf8"));

describe.skipIf(!isBuilt)("convert", () => {
  test("writes a model that has the same weights, and carries the rest along", async () => {
    const out = join(scratchFolder(), "new");
    const found = await fewbitJson<Converted>(["convert", symmetric, "--to", "compressed-tensors", "--out", out]);
    expect(found).toMatchObject({ to: "compressed-tensors", isExact: true, lossy: [] });
    expect(readdirSync(out).sort()).toEqual([...found.files].sort());
    expect(read(out, "config.json")).toMatchObject({ quantization_config: { format: "pack-quantized" } });
    const hashes = async (folder: string): Promise<unknown> =>
      (await fewbitJson<{ weights: { name: string; sha256: string }[] }>(["inspect", folder, "--hashes"])).weights
        .map(({ name, sha256 }) => `${name} ${sha256}`)
        .sort();
    expect(await hashes(out)).toEqual(await hashes(symmetric));
  });

  test("refuses to lose, and leaves nothing; says what is lost when it may", async () => {
    const out = join(scratchFolder(), "new");
    expectFailure(await fewbit(["convert", reordered, "--to", "awq", "--out", out]), 1, /act-order.*--requantize/);
    expect(existsSync(out)).toBe(false);
    const { code, stdout, stderr } = await fewbit(["convert", reordered, "--to", "awq", "--out", out, "--requantize"]);
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/relative squared error.*\n.*q_proj .*act-order/s);
    expect(stdout).toMatch(/with a loss/);
  });

  test("a file of GGUF becomes safetensors and GPTQ that say the same", async () => {
    const file = join(fixtures, "gguf/mini-split-Q4_0-00001-of-00002.gguf");
    const ids = async (model: string): Promise<readonly number[]> => {
      const args = ["run", model, "--ids", "1,2,3", "--max-tokens", "12", "--temperature", "0", "--ignore-eos"];
      return (await fewbitJson<{ ids: number[] }>([...args, "--backend", "reference", "--dtype", "f32"])).ids;
    };
    const said = await ids(file);
    expect(said).toHaveLength(12);
    for (const to of ["safetensors", "gptq"]) {
      const out = join(scratchFolder(), to);
      expect(await fewbitJson<Converted>(["convert", file, "--to", to, "--out", out])).toMatchObject({ isExact: true });
      expect(await ids(out)).toEqual(said);
    }
  });

  test("a model in floats is rounded to packed codes when it may be", async () => {
    const out = join(scratchFolder(), "packed");
    const args = [
      "convert",
      golden("arch/llama-tied").path,
      "--to",
      "gptq",
      "--bits",
      "8",
      "--group-size",
      "32",
      "--sym",
    ];
    expectFailure(await fewbit([...args, "--out", out]), 1, /--requantize/);
    const found = await fewbitJson<Converted>([...args, "--out", out, "--requantize"]);
    expect(found).toMatchObject({ to: "gptq", isExact: false });
    expect(found.lossy).toHaveLength(found.modules);
    for (const { relativeSquaredError } of found.lossy) expect(relativeSquaredError).toBeLessThan(1e-4);
    expect(await fewbitJson(["inspect", out])).toMatchObject({ format: "gptq", declared: { bits: 8, group_size: 32 } });
  });

  test("overwrites only what it is told to, and never the model itself", async () => {
    const out = scratchFolder();
    const args = ["convert", symmetric, "--to", "gptq_v2", "--out", out];
    writeFileSync(join(out, "notes.txt"), "mine");
    expectFailure(await fewbit(args), 2, /is not empty/);
    expect((await fewbit([...args, "--force"])).code).toBe(0);
    expect(readFileSync(join(out, "notes.txt"), "utf8")).toBe("mine");
    expectFailure(await fewbit(["convert", symmetric, "--to", "gptq", "--out", symmetric, "--force"]), 2, /itself/);
    writeFileSync(join(out, "other.safetensors"), "");
    expectFailure(await fewbit([...args, "--force"]), 1, /other\.safetensors/);
  });

  test("an unfinished conversion of something else is not gone on with", async () => {
    const out = scratchFolder();
    writeFileSync(join(out, ".fewbit-convert.json"), '{"id":"?","files":{"model.safetensors":4}}');
    writeFileSync(join(out, "model.safetensors"), "half");
    const args = ["convert", symmetric, "--to", "gptq_v2", "--out", out];
    expectFailure(await fewbit(args), 2, /unfinished conversion of another/);
    expect((await fewbit([...args, "--force"])).code).toBe(0);
    expect(readdirSync(out)).not.toContain(".fewbit-convert.json");
  });

  test("Ctrl-C ends it with 130, says what remains, and leaves no half of a file", async () => {
    const folder = scratchFolder();
    const out = join(folder, "new");
    // The marker is written when weights begin to be: half a gigabyte of them.
    const during = (child: ChildProcess): void => {
      const timer = setInterval(() => {
        if (!existsSync(join(out, ".fewbit-convert.json"))) return;
        clearInterval(timer); // a second one would not wait
        child.kill("SIGINT");
      }, 10);
      child.once("exit", () => clearInterval(timer));
    };
    const found = await fewbit(["convert", embedded, "--to", "safetensors", "--out", out], { during });
    expect(found).toMatchObject({
      code: 130,
      stdout: "",
      stderr: expect.stringMatching(/^stopping: .* goes on from them\n$/) as string,
    });
    expect(readdirSync(folder)).toEqual([]);
  });

  test("wrong usage", async () => {
    const out = join(scratchFolder(), "new");
    expectFailure(await fewbit(["convert", symmetric, "--out", out]), 2, /--to/);
    expectFailure(await fewbit(["convert", symmetric, "--to", "gguf9", "--out", out]), 2, /Allowed choices/);
    expectFailure(await fewbit(["convert", symmetric, "--to", "awq"]), 2, /--out/);
    mkdirSync(out);
    writeFileSync(join(out, "file"), "");
    expectFailure(await fewbit(["convert", symmetric, "--to", "awq", "--out", join(out, "file")]), 2, /is a file/);
  });
});
