import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { afterAll, describe, expect, onTestFinished, test } from "vitest";
import { golden, hasNative, isBuilt } from "../cli/fewbit.ts";
import { browserPath } from "../support/browser-path.ts";
import { tinyModel } from "../support/tiny-model.ts";

/** Every program of examples/, type-checked against the built declarations and run as its header says. */

const root = join(import.meta.dirname, "..", "..");
const folder = join(root, "examples");
const example = (name: string): string => join(folder, name);

const scratch = mkdtempSync(join(tmpdir(), "fewbit-examples-"));
afterAll(() => rmSync(scratch, { recursive: true }));

/** What it prints; it must end by itself, and well. */
function run(name: string, ...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [example(name), ...args], {
    cwd: root,
    encoding: "utf8",
  });
  expect(status, stdout + stderr).toBe(0);
  return stdout;
}

/** Starts an example that serves; the URL that it prints. It is stopped with the test. */
async function serve(name: string, ...args: readonly string[]): Promise<string> {
  const env = { ...process.env, PORT: "0" };
  const child = spawn(process.execPath, [example(name), ...args], {
    cwd: root,
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill());
  for await (const line of child.stdout.setEncoding("utf8")) return String(line).trim();
  throw new Error(`${name} ended before it served`);
}

test("each says in its header what it shows and how to run it", () => {
  for (const name of readdirSync(folder).filter((file) => file.endsWith(".mjs")))
    expect(readFileSync(example(name), "utf8"), name).toMatch(
      new RegExp(`^// [A-Z][^]*?\\n//\\n//   node examples/${name}`),
    );
});

describe.skipIf(!isBuilt)("examples", () => {
  test("agree with the declarations", () => {
    const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
    const { status, stdout } = spawnSync(process.execPath, [tsc, "-p", folder], { encoding: "utf8" });
    expect(status, stdout).toBe(0);
  });

  test("token-ids.mjs runs a model without a tokenizer", () => {
    const { path, promptIds, greedyIds } = golden("models/gptq-4b-g128-asym-actorder");
    expect(run("token-ids.mjs", path, promptIds.join())).toBe(`${greedyIds.slice(0, 8).join("\n")}\n`);
  });

  test.skipIf(browserPath === undefined)("browser-page runs a model in the page", async () => {
    const model = tinyModel();
    for (const name of await model.list()) {
      await using source = await model.open(name);
      writeFileSync(join(scratch, name), await source.read(0, source.size));
    }
    const url = await serve("browser-page/serve.mjs", scratch);
    const program = await chromium.launch({ executablePath: browserPath!, args: ["--no-sandbox"] });
    try {
      const tab = await program.newPage();
      await tab.goto(url);
      await tab.waitForSelector("button:enabled");
      await tab.fill("input", "一丁丂七");
      await tab.click("button");
      await tab.waitForSelector("text=/^\\d+ tokens, [\\d.]+ a second$/");
      expect((await tab.textContent("#answer"))?.startsWith("一丁丂七")).toBe(true);
    } finally {
      await program.close();
    }
    expect((await fetch(`${url}/model/..%2f..%2fetc%2fpasswd`)).status).toBe(404);
    expect((await fetch(`${url}/model/config.json`, { headers: { range: "bytes=900000-900001" } })).status).toBe(416);
  });

  // On the embedded model, which takes minutes without the CPU kernels.
  describe.skipIf(!hasNative)("on the embedded model", () => {
    test.each([
      ["stream.mjs", /Paris[^\n]*\n\[stop: \d+ tokens, [\d.]+ a second\]\n$/],
      ["chat.mjs", /^> What[^]*Paris[^]*> And what[^]*Paris/],
      ["completion.mjs", /^(seed 1: .+\n)(seed 2: .+\n)\1(?:".*" [\d.]+%, before .+\n){5}$/],
      ["several-models.mjs", /^1: \S.* \[[\d.]+ tokens a second\]\n2: \S.* \[[\d.]+ tokens a second\]\n$/],
      [
        "progress.mjs",
        /^prepare: 118\.6 of 118\.6 MB$[^]*LlamaForCausalLM, gptq, up to \d+ positions, ready in \d+ ms\n$/m,
      ],
      ["abort.mjs", /^signal: cancelled\nhalf a second: cancelled\nleft: cancelled\n$/],
    ])("%s", (name, output) => {
      expect(run(name)).toMatch(output);
    });

    test("http-server.mjs streams, and refuses what the model does", async () => {
      const url = await serve("http-server.mjs");
      const answer = await fetch(url, { method: "POST", body: "What is the capital of France?" });
      expect([answer.status, await answer.text()]).toEqual([200, expect.stringMatching(/\w/)]);
      const tooLong = await fetch(url, { method: "POST", body: "word ".repeat(10_000) });
      expect([tooLong.status, await tooLong.text()]).toEqual([400, expect.stringContaining("context")]);
    });
  });
});
