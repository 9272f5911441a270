import { describe, expect, test } from "vitest";
import { byteLevelTokenizer } from "../../test/fixtures/tiny-tokenizers.ts";
import { openMemoryFolder } from "../io/memory-folder.ts";
import { FormatError, RequestError } from "../util/errors.ts";
import { ChatRenderer, loadModelText, type ModelText } from "./model-text.ts";

const load = (files: Readonly<Record<string, unknown>>): Promise<ModelText> =>
  loadModelText(
    openMemoryFolder(
      new Map(
        Object.entries(files).map(([name, content]) => [
          name,
          new TextEncoder().encode(typeof content === "string" ? content : JSON.stringify(content)),
        ]),
      ),
    ),
  );

describe("loadModelText", () => {
  test("needs no weights", async () => {
    const text = await load({
      "tokenizer.json": byteLevelTokenizer(),
      "tokenizer_config.json": { bos_token: "<s>", chat_template: "{{ bos_token }}" },
      "special_tokens_map.json": { bos_token: "other", eos_token: { content: "</s>" } },
    });
    expect(text.tokenizer?.encode("the")).toHaveLength(1);
    expect(text.specialTokens).toEqual({ bos_token: "<s>", eos_token: "</s>" });
    expect(text.templates).toEqual({ chat: "{{ bos_token }}" });
  });

  test("a model may have none of it", async () => {
    expect(await load({})).toEqual({ specialTokens: {} });
  });

  test("the template's own file wins", async () => {
    const files = { "chat_template.jinja": "a", "tokenizer_config.json": { chat_template: "b" } };
    expect((await load(files)).templates).toEqual({ chat: "a" });
  });

  test.each(["tokenizer.json", "tokenizer_config.json", "chat_template.json"])("a broken %s is named", async (name) => {
    await expect(load({ [name]: "{" })).rejects.toThrow(FormatError);
    await expect(load({ [name]: "{" })).rejects.toThrow(name);
  });
});

describe("ChatRenderer", () => {
  const messages = [{ role: "user", content: "x" }];
  const templates = { chat: "chat", toolUse: "tools" };

  test("takes the template for tools where the conversation has some", () => {
    const renderer = new ChatRenderer({ specialTokens: {}, templates });
    expect(renderer.template(false).render({ messages })).toBe("chat");
    expect(renderer.template(true).render({ messages })).toBe("tools");
    expect(renderer.template(true)).toBe(renderer.template(true));
  });

  test("a model without a template", () => {
    expect(() => new ChatRenderer({ specialTokens: {} }).template(false)).toThrow(RequestError);
  });
});
