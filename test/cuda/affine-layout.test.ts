import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";

/**
 * The index arithmetic that the tensor-core kernels and what makes their records share, walked bit by bit on this machine's processor
 * (affine_layout.cpp): a kernel that reads where nobody wrote would otherwise show on a GPU only.
 */

const scratch = mkdtempSync(join(tmpdir(), "fewbit-affine-layout-"));
afterAll(() => rmSync(scratch, { recursive: true }));

const hasCompiler = spawnSync("c++", ["--version"]).status === 0;

test.skipIf(!hasCompiler)("every bit of a record is where its lane looks for it (needs c++)", () => {
  const program = join(scratch, "affine-layout");
  const source = join(import.meta.dirname, "affine_layout.cpp");
  const compiled = spawnSync("c++", ["-std=c++17", "-Wall", "-Wextra", "-Werror", source, "-o", program], {
    encoding: "utf8",
  });
  expect(compiled.stderr).toBe("");
  const { status, stdout } = spawnSync(program, { encoding: "utf8" });
  expect(stdout).toBe("every bit is where it belongs\n");
  expect(status).toBe(0);
});
