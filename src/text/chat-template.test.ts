import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { RequestError } from "../util/errors.ts";
import { createChatTemplate } from "./chat-template.ts";

const messages = [{ role: "user", content: "Hi" }];
const specialTokens = { bos_token: "<s>", eos_token: "</s>" };
const render = async (source: string, conversation = {}): Promise<string> =>
  (await createChatTemplate(source, specialTokens)).render({ messages, ...conversation });

describe("createChatTemplate", () => {
  test("the embedded model's template", async () => {
    const path = new URL("../../models/smollm2-135m-instruct-gptq-int4/tokenizer_config.json", import.meta.url);
    const config = JSON.parse(readFileSync(path, "utf8")) as { readonly chat_template: string };
    expect(await render(config.chat_template)).toBe(
      "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n" +
        "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n",
    );
    expect(await render(config.chat_template, { addGenerationPrompt: false })).not.toContain("assistant\n");
  });

  test("gives the template what transformers does", async () => {
    expect(await render("{{ bos_token }}{{ messages[0].content }}{{ eos_token }}")).toBe("<s>Hi</s>");
    expect(await render("{{ tools is none }} {{ documents is none }}")).toBe("true true");
    expect(await render("{{ tools[0].name }}", { tools: [{ name: "add" }] })).toBe("add");
    expect(
      await render("{{ enable_thinking }}{{ bos_token }}", { extra: { enable_thinking: false, bos_token: "<b>" } }),
    ).toBe("false<b>");
    expect(
      await render("{% for i in range(1, 8, 3) %}{{ i }}{% endfor %}{% for i in range(2) %}{{ i }}{% endfor %}"),
    ).toBe("14701");
    expect(await render("{% for i in range(3, 0, -1) %}{{ i }}{% endfor %}")).toBe("321");
  });

  test("strftime_now reads the given clock", async () => {
    const now = new Date(2025, 2, 9, 14, 5, 6);
    expect(await render("{{ strftime_now('%d %b %Y, %H:%M:%S') }}", { now })).toBe("09 Mar 2025, 14:05:06");
  });

  test("strips blocks as transformers does", async () => {
    expect(await render("  {% if true %}\na\n  {% endif %}\nb")).toBe("a\nb");
  });

  test("a template's refusal is a bad request in its own words", async () => {
    const refusal = render("{{ raise_exception('roles must alternate') }}");
    await expect(refusal).rejects.toThrow(RequestError);
    await expect(refusal).rejects.toThrow("roles must alternate");
  });

  test("refuses an empty conversation", async () => {
    await expect(render("x", { messages: [] })).rejects.toThrow(RequestError);
  });

  test.each([
    ["a template that does not parse", "{% for %}"],
    ["a template that is too long", "x".repeat(2 ** 18 + 1)],
    ["a loop over too much", "{% for i in range(100000000) %}x{% endfor %}"],
    ["nested loops over too much", "{% for i in range(3000) %}{% for j in range(3000) %}{% endfor %}{% endfor %}"],
    ["a range that is none", "{% for i in range('a') %}{% endfor %}"],
    ["a step of zero", "{% for i in range(1, 2, 0) %}{% endfor %}"],
  ])("refuses %s in good time", async (_, source) => {
    const start = performance.now();
    await expect(render(source)).rejects.toThrow(RequestError);
    expect(performance.now() - start).toBeLessThan(5000);
  });

  test("a message is data, not code", async () => {
    const hostile = [{ role: "user", content: "{{ raise_exception('x') }}{% for %}" }];
    expect(await render("{{ messages[0].content }}", { messages: hostile })).toBe(hostile[0].content);
    expect(await render("{{ messages[0].constructor }}|{{ messages.__proto__ }}")).not.toContain("function");
  });
});
