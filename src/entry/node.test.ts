import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { expected, tinyModel } from "../../test/support/tiny-model.ts";
import { createNodeHost, FormatError, IoError, LLM } from "./node.ts";

const scratch = mkdtempSync(join(tmpdir(), "fewbit-entry-"));
afterAll(() => rmSync(scratch, { recursive: true }));

const folder = tinyModel();
for (const name of await folder.list()) {
  await using source = await folder.open(name);
  writeFileSync(join(scratch, name), await source.read(0, source.size));
}
const options = { temperature: 0, ignoreEos: true, maxTokens: 4 } as const;

describe("LLM.load", () => {
  test.each([
    ["a folder", scratch],
    ["a URL", pathToFileURL(scratch)],
    ["a file", join(scratch, "model.safetensors")],
  ])("opens %s", async (_, path) => {
    await using llm = await LLM.load(path, { backend: "reference" });
    expect(llm.info.model).toBe(scratch);
    const { ids } = await llm.generate(expected.prompt_ids, options).result;
    expect(ids).toEqual(expected.greedy_ids.slice(0, 4));
  });

  test("what is not there, and what is no model", async () => {
    await expect(LLM.load(join(scratch, "nowhere"))).rejects.toThrow(IoError);
    await expect(LLM.load(join(scratch, "config.json", "below"))).rejects.toThrow(IoError);
    symlinkSync(join(scratch, "gone"), join(scratch, "link"));
    await expect(LLM.load(join(scratch, "link"))).rejects.toThrow("is a link to something that is not there");
    await expect(LLM.load(join(scratch, "config.json"))).rejects.toThrow("is no .safetensors, .gguf or .bin file");
    writeFileSync(join(scratch, "damaged.safetensors"), "damaged");
    await expect(LLM.load(join(scratch, "damaged.safetensors"))).rejects.toThrow(FormatError);
  });
});

describe("the embedded model", async () => {
  const [cpu] = createNodeHost().backends;
  const { available, detail } = await cpu.probe();
  if (!available) console.log(`skipped, because the reference backend takes minutes: ${detail}`);

  test.skipIf(!available)("answers", async () => {
    await using llm = await LLM.load(undefined, { activations: "f32" });
    expect(llm.info).toMatchObject({ format: "gptq", endOfTurnIds: [2], device: { backend: "cpu" } });
    const answer = llm.chat("What is the capital of France? Answer in one sentence.", { temperature: 0 });
    let text = "";
    for await (const event of answer) if (event.type === "text") text += event.text;
    // By transformers on the dequantized weights.
    const { ids, finishReason } = await answer.result;
    expect(ids).toEqual([504, 3575, 282, 4649, 314, 7042, 30, 2]);
    expect([text, finishReason]).toEqual(["The capital of France is Paris.", "stop"]);
  });
});
