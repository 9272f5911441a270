import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { builtinModules } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { rolldown } from "rolldown";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { LLM } from "../../src/entry/node.ts";
import { golden } from "../cli/fewbit.ts";
import { browserPath } from "../support/browser-path.ts";
import { serveFiles } from "../support/serve-files.ts";
import { tinyModel } from "../support/tiny-model.ts";
import { pack, root, unpack } from "./packed.ts";

const isBuilt = existsSync(join(root, "dist", "browser.mjs"));
if (!isBuilt) console.log("skipped: there is no dist/, npm run build makes it");

/** What the page does, and a user's page would: the same text and ids as here, or the promise rejects. */
const page = `
import { LLM, FewbitError } from "fewbit";

globalThis.answers = async (model, prompt, maxTokens) => {
  const phases = new Set();
  const llm = await LLM.load(model, { onProgress: ({ phase }) => phases.add(phase) });
  try {
    const generation = llm.generate(prompt, { temperature: 0, ignoreEos: true, maxTokens });
    let streamed = "";
    for await (const event of generation) if (event.type === "text") streamed += event.text;
    const { ids, text } = await generation.result;
    return { ids, text, streamed, phases: [...phases].sort(), backend: llm.info.device.backend };
  } finally {
    await llm.close();
  }
};
globalThis.failure = (model) => LLM.load(model).then(
  () => "loaded",
  (error) => ({ isOurs: error instanceof FewbitError, code: error.code, message: error.message }),
);
`;

describe.skipIf(!isBuilt)("the packed package in a browser", () => {
  const scratch = mkdtempSync(join(tmpdir(), "fewbit-browser-"));
  afterAll(() => rmSync(scratch, { recursive: true }));
  const files = new Map<string, Uint8Array>();
  let imported: readonly string[];

  beforeAll(async () => {
    const [tarball] = pack(scratch, "fewbit");
    const modules = join(scratch, "node_modules");
    mkdirSync(modules);
    renameSync(unpack(tarball, scratch), join(modules, "fewbit"));
    for (const name of Object.keys(packageJson.dependencies)) {
      mkdirSync(join(modules, name, ".."), { recursive: true });
      symlinkSync(join(root, "node_modules", name), join(modules, name));
    }
    writeFileSync(join(scratch, "page.js"), page);
    const asked: string[] = [];
    const bundle = await rolldown({
      input: join(scratch, "page.js"),
      platform: "browser",
      plugins: [{ name: "imports", resolveId: (id) => void asked.push(id) }],
    });
    const { output } = await bundle.write({
      dir: join(scratch, "site"),
      entryFileNames: "[name].mjs",
      chunkFileNames: "[name].mjs",
    });
    await bundle.close();
    imported = asked;
    for (const { fileName } of output) files.set(`/${fileName}`, readFileSync(join(scratch, "site", fileName)));
    const html = '<!doctype html><link rel="icon" href="data:,"><script type="module" src="/page.mjs"></script>';
    files.set("/index.html", new TextEncoder().encode(html));
  });

  test("bundles without anything of Node's", () => {
    const ofNode = imported.filter((id) => id.startsWith("node:") || builtinModules.includes(id) || id === "koffi");
    expect(ofNode).toEqual([]);
    expect(imported).toContain("fewbit");
  });

  const { path: gptq, promptIds } = golden("models/gptq-4b-g128-asym-actorder");
  test.skipIf(browserPath === undefined)("generates what Node does, from models that lie on a server", async () => {
    for (const name of ["config.json", "generation_config.json", "model.safetensors", "quantize_config.json"])
      files.set(`/gptq/${name}`, readFileSync(join(gptq, name)));
    const folder = tinyModel();
    for (const name of await folder.list()) {
      await using source = await folder.open(name);
      files.set(`/tiny/${name}`, await source.read(0, source.size));
    }
    await using server = await serveFiles(files);
    const program = await chromium.launch({ executablePath: browserPath!, args: ["--no-sandbox"] });
    try {
      const tab = await program.newPage();
      const complaints: string[] = [];
      tab.on("pageerror", (error) => complaints.push(error.message));
      await tab.goto(`${server.url}/index.html`);
      await tab.waitForFunction("'answers' in globalThis");

      const ask = (model: string, prompt: unknown): Promise<unknown> =>
        tab.evaluate(`answers(${JSON.stringify(model)}, ${JSON.stringify(prompt)}, 8)`);
      const options = { temperature: 0, ignoreEos: true, maxTokens: 8 } as const;
      for (const [name, prompt, model] of [
        ["gptq", promptIds, gptq],
        ["tiny", "一丁丂七", tinyModel()],
      ] as const) {
        await using llm = await LLM.load(model, { backend: "reference" });
        const { ids, text } = await llm.generate(prompt, options).result;
        expect(ids).toHaveLength(8);
        const answer = await ask(`/${name}/`, prompt);
        expect(answer).toMatchObject({ ids, text, streamed: text ?? "", backend: "reference" });
        expect(answer).toHaveProperty("phases", expect.arrayContaining(["prepare", "read"]));
      }
      expect(complaints).toEqual([]);
      const failure = await tab.evaluate("failure('/nothing/')");
      expect(failure).toMatchObject({ isOurs: true, code: "io" });
    } finally {
      await program.close();
    }
  });
});
