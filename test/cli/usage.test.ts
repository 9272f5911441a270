import { spawnSync } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { expectFailure, fewbit, golden, isBuilt, launcher } from "./fewbit.ts";

const { path: model } = golden("arch/llama3");

describe.skipIf(!isBuilt)("help", () => {
  test.each([
    ["run"],
    ["chat"],
    ["inspect"],
    ["eval", "logits"],
    ["eval", "ppl"],
    ["bench", "run"],
    ["pull"],
    ["list"],
    ["rm"],
    ["doctor"],
  ])("%s %s", async (...command) => {
    const { code, stdout, stderr } = await fewbit([...command.filter(Boolean), "--help"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/Examples?:\n/);
    expect(stdout).toContain("--json");
  });

  test("the overview lists what there is", async () => {
    const { code, stdout } = await fewbit(["--help"]);
    expect(code).toBe(0);
    const listed = [...stdout.matchAll(/^ {2}(\w+) .*$/gm)].map(([, name]) => name);
    for (const name of ["run", "chat", "serve", "pull", "list", "rm", "inspect", "eval", "bench", "doctor"])
      expect(listed).toContain(name);
    expect(stdout).not.toContain("quantize");
  });

  test("`help run` is `run --help`", async () => {
    expect(await fewbit(["help", "run"])).toEqual(await fewbit(["run", "--help"]));
  });

  test("no command at all", async () => {
    const { code, stdout, stderr } = await fewbit([]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain("Usage: fewbit");
  });

  test("--version", async () => {
    expect(await fewbit(["--version"])).toEqual({ code: 0, stdout: `${packageJson.version}\n`, stderr: "" });
  });
});

describe.skipIf(!isBuilt)("wrong usage: status 2", () => {
  test.each([
    ["an unknown command", ["rnu"], /unknown command 'rnu' \(Did you mean run\?\)/],
    ["an unknown flag", ["run", "--tempreature", "1", "Hi"], /--tempreature.*Did you mean --temperature\?/],
    ["a slip at a flag that must be given", ["convert", model, "--tu", "gptq"], /'--tu' \(Did you mean --to\?\)/],
    ["a slip with a value", ["inspect", model, "--plto=x.svg"], /'--plto' \(Did you mean --plot\?\)/],
    ["a slip at another program's name for a flag", ["run", "--max-modle-len", "9", "Hi"], /mean --max-model-len\?/],
    ["a slip behind two words", ["eval", "ppl", model, "--ctxsize", "9"], /'--ctxsize' \(Did you mean --ctx-size\?\)/],
    ["a flag before its command", ["bench", "--synthetc", "x"], /--synthetic goes behind a command: run, latency/],
    ["a flag like no other", ["list", "--zzzzzz"], /unknown option '--zzzzzz'\n?$/],
    ["a flag without its value", ["run", "--seed"], /--seed/],
    ["no number", ["run", "--max-tokens", "many", "Hi"], /--max-tokens.*'many'.*integer/],
    ["a number out of range", ["run", "--top-p", "1.5", "Hi"], /--top-p.*from 0 to 1/],
    ["a stop text that is none", ["run", "--stop", "", "Hi"], /--stop.*1 to 1024 characters/],
    ["more threads than there are", ["run", "--threads", "1000", "Hi"], /--threads.*from 1 to 256/],
    ["a choice that there is not", ["run", "--backend", "vulkan", "Hi"], /--backend.*auto, cpu, reference/],
    ["an argument too many", ["run", "a", "b", "c"], /too many arguments/],
    ["a prompt beside ids", ["run", model, "--ids", "1", "-p", "Hi"], /--ids and -p/],
    ["ids that are none", ["run", model, "--ids", "1,x"], /--ids takes 1,2,3 or @file\.json/],
    ["an empty prompt", ["run", model, "-p", ""], /the prompt is empty/],
    ["nothing on stdin", ["run", "-m", model], /the prompt is empty/],
    ["a system message that has no place", ["run", model, "--raw", "--system", "a", "-p", "b"], /--system needs/],
    ["a flag that is missing", ["eval", "logits", model, "--ids", "1"], /--out/],
    ["too few tokens for a chunk", ["eval", "ppl", model, "--ids", "1,2,3"], /fill no chunk of 512/],
    ["more positions than the model has", ["bench", "run", model, "-d", "1000000"], /was trained for/],
    ["nothing to measure", ["bench", "run", model, "-p", "0", "-n", "0"], /nothing to measure/],
  ])("%s", async (_, args, message) => {
    expectFailure(await fewbit([...args, ...(args[0] === "rnu" ? [] : ["--json"])]), 2, message);
  });
});

describe.skipIf(!isBuilt)("failures: status 1", () => {
  const say = ["-p", "Hi"] as const;

  test.each([
    ["a folder that is not there", ["run", "./no-such-model", ...say], /no such folder or file/],
    [
      "a file that holds no weights",
      ["inspect", `${model}/config.json`],
      /config\.json: is no \.safetensors, \.gguf or \.bin file/,
    ],
    ["a device", ["inspect", "/dev/null"], /\/dev\/null: is a device/],
    ["an id that is not in the cache", ["run", "some/model", "--offline", ...say], /some\/model: is not in the cache/],
    ["a GGUF file that is not there", ["run", "model.gguf", ...say], /no such folder or file/],
    ["a folder without a model", ["inspect", import.meta.dirname], /no \.safetensors or \.gguf files/],
    ["CUDA", ["run", model, "--ids", "1", "--backend", "cuda"], /no NVIDIA driver here|CUDA/],
    ["WebGPU", ["inspect", model, "--backend", "webgpu"], /this build has no webgpu backend/],
    [
      "int8 on the reference",
      ["run", model, "--ids", "1", "--backend", "reference", "--cpu-activations", "int8"],
      /int8/,
    ],
    ["ids that cannot be read", ["run", model, "--ids", "@no-such-file.json"], /no-such-file\.json cannot be read/],
    [
      "a file that cannot be written",
      ["eval", "logits", model, "--ids", "1", "--out", "/no/such/x"],
      /cannot be written/,
    ],
  ])("%s", async (_, args, message) => {
    expectFailure(await fewbit([...args, "--json"]), 1, message);
  });

  test.skipIf(!existsSync("/dev/full"))("a disk that is full", () => {
    const full = openSync("/dev/full", "w");
    const { status, stderr } = spawnSync(process.execPath, [launcher, "inspect", model, "--json"], {
      stdio: ["ignore", full, "pipe"],
      encoding: "utf8",
    });
    closeSync(full);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^fewbit: standard output cannot be written: ENOSPC[^\n]*\n$/);
  });

  test.skipIf(process.platform === "win32")("a folder's name does not rule the terminal", async () => {
    const folder = mkdtempSync(join(tmpdir(), "fewbit-\x1b]0;title\x07-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const { code, stderr } = await fewbit(["inspect", folder]);
    expect(code).toBe(1);
    expect(stderr).toContain("fewbit-␛]0;title␇-");
  });

  test("a stack trace comes with --verbose only", async () => {
    const { code, stderr } = await fewbit(["run", "./no-such-model", ...say, "--verbose"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^fewbit: IoError: .*\n\s+at /);
  });
});
