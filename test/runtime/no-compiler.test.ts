import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { fixtures } from "../support/fixtures.ts";
import { expected } from "../support/tiny-model.ts";

// What `npm run build` made; `npm test` makes it anew before.
const root = join(import.meta.dirname, "..", "..");
const isBuilt = existsSync(join(root, "dist", "cli.mjs"));
if (!isBuilt) console.log("skipped: there is no dist/, npm run build makes it");

const missing = join(root, "build", "no-such-library.so");

/** The command line on a machine where nothing compiled the native library. */
function fewbit(
  backend: string,
  library = missing,
): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  const model = join(fixtures, "arch", "llama-tied");
  const prompt = ["--ids", expected.prompt_ids.join(","), "--max-tokens", "4", "--temperature", "0", "--ignore-eos"];
  const args = [join(root, "bin", "fewbit.mjs"), "run", model, ...prompt, "--backend", backend, "--json"];
  const env = { ...process.env, FEWBIT_CPU_LIBRARY: library };
  return spawnSync(process.execPath, args, { encoding: "utf8", env });
}

const lines = (text: string): readonly string[] => text.split("\n").filter((line) => line !== "");

describe.skipIf(!isBuilt)("without the native library", () => {
  test("--backend auto takes the reference backend, says so once, and answers", () => {
    const { status, stdout, stderr } = fewbit("auto");
    expect(status, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ ids: expected.greedy_ids.slice(0, 4), backend: "reference" });
    expect(lines(stderr)).toHaveLength(1);
    expect(stderr).toContain("using the reference backend, because cpu cannot run");
    expect(stderr).toContain(missing);
  });

  test("--backend cpu says in one line why it cannot", () => {
    const { status, stdout, stderr } = fewbit("cpu");
    expect(status).toBe(1);
    expect(stdout).toBe("");
    expect(lines(stderr)).toHaveLength(1);
    expect(stderr).toContain(`FEWBIT_CPU_LIBRARY names ${missing}, which does not exist`);
  });

  test("a file that is no library is named, once", () => {
    const { status, stderr } = fewbit("cpu", import.meta.filename);
    expect(status).toBe(1);
    expect(lines(stderr)).toHaveLength(1);
    expect(stderr).toContain(`${import.meta.filename} does not load as the native library`);
    expect(stderr).not.toContain("Error:");
  });
});
