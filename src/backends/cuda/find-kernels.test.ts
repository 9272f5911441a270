import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, expect, test } from "vitest";
import { findKernels } from "./find-kernels.node.ts";

const scratch = mkdtempSync(join(tmpdir(), "fewbit-kernels-"));
afterAll(() => rmSync(scratch, { recursive: true }));

/** An installation whose bundle is `node_modules/fewbit/dist/node.mjs`. */
const bundle = pathToFileURL(join(scratch, "node_modules", "fewbit", "dist", "node.mjs"));

function makeFolder(...path: readonly string[]): string {
  const folder = join(scratch, ...path);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "kernels.json"), '{"add":{"file":"elements.fatbin"}}');
  return folder;
}

test("without kernels it is said what to install", () => {
  expect(() => findKernels(undefined, bundle)).toThrow(/@fewbit\/cuda is not installed/);
});

test("the package is found from an installed program, what it has compiled comes before that, and what is named before all", () => {
  const installed = makeFolder("node_modules", "@fewbit", "cuda");
  expect(findKernels(undefined, bundle).path).toBe(installed);
  expect(findKernels(undefined, bundle).fileOf("add")).toBe("elements.fatbin");
  const compiled = makeFolder("node_modules", "fewbit", "build", "cuda");
  expect(findKernels(undefined, bundle).path).toBe(compiled);
  const named = makeFolder("elsewhere");
  expect(findKernels(named, bundle).path).toBe(named);
  expect(() => findKernels(join(scratch, "nowhere"), bundle)).toThrow(/holds no CUDA kernels/);
});
