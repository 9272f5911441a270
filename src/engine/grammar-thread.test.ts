import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { compileGrammar } from "../text/grammar/compile-grammar.ts";
import type { GrammarSpec } from "../text/grammar/grammar-spec.ts";
import { RequestError } from "../util/errors.ts";
import { buildModules } from "./build-test-kit.ts";
import { GrammarThread } from "./grammar-thread.node.ts";

const folder = mkdtempSync(join(tmpdir(), "fewbit-grammar-thread-"));
const moduleOf = (name: string): URL => pathToFileURL(join(folder, `${name}.mjs`));

beforeAll(async () => {
  await buildModules({ thread: fileURLToPath(new URL("serve-grammars.node.ts", import.meta.url)) }, folder);
  writeFileSync(moduleOf("entry"), 'import { serveGrammars } from "./thread.mjs"; serveGrammars();');
  // What a grammar might do that no grammar should: the second one in the thread ends it.
  writeFileSync(
    moduleOf("fragile"),
    `import { parentPort } from "node:worker_threads";
     import { serveGrammars } from "./thread.mjs";
     let count = 0;
     parentPort.on("message", () => { if (++count === 2) process.exit(7); });
     serveGrammars();`,
  );
  writeFileSync(
    moduleOf("greedy"),
    `import { parentPort } from "node:worker_threads";
     const all = [];
     parentPort.on("message", () => { for (;;) all.push(new Array(1e5).fill({})); });`,
  );
}, 60_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const regex = (pattern: string): GrammarSpec => ({ kind: "regex", pattern });

test("compiles as this thread does, what can be compiled and what cannot", async () => {
  const thread = new GrammarThread(moduleOf("entry"));
  const specs = [regex("[a-z]{2,4}"), regex("("), regex("é+"), { kind: "json-object" } as const];
  const results = await Promise.allSettled(specs.map((spec) => thread.compile(spec)));
  for (const [i, result] of results.entries())
    if (result.status === "fulfilled") expect(result.value).toEqual(compileGrammar(specs[i]));
    else expect(() => compileGrammar(specs[i])).toThrow(result.reason as Error);
  expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled", "fulfilled"]);
  expect((results[1] as PromiseRejectedResult).reason).toBeInstanceOf(RequestError);
}, 30_000);

test("a thread that ends takes one grammar with it, and the others come to another", async () => {
  const thread = new GrammarThread(moduleOf("fragile"));
  const results = await Promise.allSettled(["a", "b", "c", "d", "e"].map((each) => thread.compile(regex(each))));
  expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled", "rejected", "fulfilled"]);
  await expect(thread.compile(regex("f"))).rejects.toThrow(/too large.*its thread with it \(exit code 7\)/);
  await expect(thread.compile(regex("g"))).resolves.toEqual(compileGrammar(regex("g")));
}, 30_000);

test("a grammar may not take all memory", async () => {
  const thread = new GrammarThread(moduleOf("greedy"));
  await expect(thread.compile(regex("a"))).rejects.toThrow(/more memory than it may/);
}, 60_000);
