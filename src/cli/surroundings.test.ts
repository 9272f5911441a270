import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { examineCache, examineEnvironment } from "./surroundings.ts";

test("a cache that is not there yet is judged by the folder it would be made in", async () => {
  const folder = mkdtempSync(join(tmpdir(), "fewbit-cache-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const found = await examineCache(join(folder, "a", "b"));
  expect(found).toMatchObject({ folder: join(folder, "a", "b"), isWritable: true });
  expect(found.freeBytes).toBeGreaterThan(0);
});

test("no secret is told", () => {
  const env = {
    HF_TOKEN: "hf_secret",
    HUGGING_FACE_HUB_TOKEN: "hf_old",
    HF_HUB_OFFLINE: "1",
    FEWBIT_API_KEY: "(set)",
    FEWBIT_CPU_ISA: "avx2",
    HOME: "/root",
  };
  expect(examineEnvironment(env)).toEqual({
    FEWBIT_API_KEY: "(set)",
    FEWBIT_CPU_ISA: "avx2",
    HF_HUB_OFFLINE: "1",
    HF_TOKEN: "(set)",
    HUGGING_FACE_HUB_TOKEN: "(set)",
  });
});
