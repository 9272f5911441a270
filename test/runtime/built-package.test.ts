import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import type * as browserEntry from "../../src/entry/browser.ts";
import type * as nodeEntry from "../../src/entry/node.ts";
import { expected, tinyModel } from "../support/tiny-model.ts";

// What `npm run build` made; `npm test` makes it anew before.
const dist = join(import.meta.dirname, "..", "..", "dist");
const isBuilt = existsSync(join(dist, "node.mjs")) && existsSync(join(dist, "browser.mjs"));
if (!isBuilt) console.log("skipped: there is no dist/, npm run build makes it");

const load = <Entry>(name: string): Promise<Entry> => import(pathToFileURL(join(dist, name)).href) as Promise<Entry>;
const options = { temperature: 0, ignoreEos: true, maxTokens: 4 } as const;

describe.skipIf(!isBuilt)("in Node", () => {
  const scratch = mkdtempSync(join(tmpdir(), "fewbit-runtime-"));
  afterAll(() => rmSync(scratch, { recursive: true }));

  test("runs in this process and in one of its own, with the same answer", async () => {
    const folder = tinyModel();
    for (const name of await folder.list()) {
      await using source = await folder.open(name);
      writeFileSync(join(scratch, name), await source.read(0, source.size));
    }
    const { LLM } = await load<typeof nodeEntry>("node.mjs");
    for (const inProcess of [true, false]) {
      await using llm = await LLM.load(scratch, { backend: "reference", inProcess });
      expect(llm.info.device).toMatchObject({ backend: "reference" });
      const { ids } = await llm.generate(expected.prompt_ids, options).result;
      expect(ids).toEqual(expected.greedy_ids.slice(0, 4));
    }
  });

  test("what the other process refuses is refused here", async () => {
    const { LLM, RequestError } = await load<typeof nodeEntry>("node.mjs");
    const loading = LLM.load(scratch, { backend: "webgpu", inProcess: false });
    await expect(loading).rejects.toBeInstanceOf(RequestError);
  });
});

describe.skipIf(!isBuilt)("for browsers", () => {
  test("imports nothing of Node's", () => {
    // Chunks are shared with what runs in Node: what counts is what the entry reaches.
    const reached = new Set(["browser.mjs"]);
    for (const name of reached) {
      const code = readFileSync(join(dist, name), "utf8");
      expect(code.match(/(?<![#.\w])require\(/g), name).toBeNull();
      for (const [, imported] of code.matchAll(/\b(?:from|import)[ (]*"([^"]+)"/g)) {
        expect(imported, name).not.toMatch(/^node:|^koffi$/);
        if (imported.startsWith("./")) reached.add(imported.slice("./".length));
      }
    }
    expect(reached.size).toBeGreaterThan(2);
  });

  test("runs a model from a folder in memory", async () => {
    const { LLM } = await load<typeof browserEntry>("browser.mjs");
    await using llm = await LLM.load(tinyModel());
    const { ids } = await llm.generate(expected.prompt_ids, options).result;
    expect(ids).toEqual(expected.greedy_ids.slice(0, 4));
  });
});
