import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { FormatError, RequestError } from "../util/errors.ts";
import { createChatTemplate } from "./chat-template.ts";

const messages = [{ role: "user", content: "Hi" }];
const specialTokens = { bos_token: "<s>", eos_token: "</s>" };
const render = (source: string, conversation = {}): string =>
  createChatTemplate(source, specialTokens).render({ messages, ...conversation });

describe("createChatTemplate", () => {
  test("the embedded model's template", () => {
    const path = new URL("../../models/smollm2-135m-instruct-gptq-int4/tokenizer_config.json", import.meta.url);
    const config = JSON.parse(readFileSync(path, "utf8")) as { readonly chat_template: string };
    expect(render(config.chat_template)).toBe(
      "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n" +
        "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n",
    );
    expect(render(config.chat_template, { addGenerationPrompt: false })).not.toContain("assistant\n");
  });

  test("gives the template what transformers does", () => {
    expect(render("{{ bos_token }}{{ messages[0].content }}{{ eos_token }}")).toBe("<s>Hi</s>");
    expect(render("{{ tools is none }} {{ documents is none }}")).toBe("True True");
    expect(render("{{ tools[0].name }}", { tools: [{ name: "add" }] })).toBe("add");
    expect(
      render("{{ enable_thinking }}{{ bos_token }}", { extra: { enable_thinking: false, bos_token: "<b>" } }),
    ).toBe("False<b>");
    expect(render("{% for i in range(1, 8, 3) %}{{ i }}{% endfor %}{% for i in range(2) %}{{ i }}{% endfor %}")).toBe(
      "14701",
    );
    expect(render("{% for i in range(3, 0, -1) %}{{ i }}{% endfor %}")).toBe("321");
  });

  test("strftime_now reads the given clock", () => {
    const now = new Date(2025, 2, 9, 14, 5, 6);
    expect(render("{{ strftime_now('%d %b %Y, %H:%M:%S') }}", { now })).toBe("09 Mar 2025, 14:05:06");
  });

  test("strips blocks as transformers does", () => {
    expect(render("  {% if true %}\na\n  {% endif %}\nb")).toBe("a\nb");
  });

  test("a template's refusal is a bad request in its own words, fit for a terminal", () => {
    const refusal = (): string => render("{{ raise_exception('roles must alternate\\x1b[2J') }}");
    expect(refusal).toThrow(RequestError);
    expect(refusal).toThrow(/^the chat template refuses this conversation: roles must alternate\ufffd\[2J$/);
  });

  test("what goes wrong in a template says the line", () => {
    const failure = (): string => render("a\n{% if true %}\n{{ messages[0].nope.deep }}{% endif %}");
    expect(failure).toThrow(RequestError);
    expect(failure).toThrow('line 3: a value of type dict has no attribute "nope"');
  });

  test("refuses an empty conversation", () => {
    expect(() => render("x", { messages: [] })).toThrow(RequestError);
  });

  test("a template that does not parse is a bad file, with line and column", () => {
    expect(() => render("a\n{% for %}")).toThrow(FormatError);
    expect(() => render("a\n{% for %}")).toThrow("line 2, column 8");
    expect(() => render("x".repeat(2 ** 18 + 1))).toThrow(FormatError);
  });

  test("a message is data, not code", () => {
    const hostile = [{ role: "user", content: "{{ raise_exception('x') }}{% for %}" }];
    expect(render("{{ messages[0].content }}", { messages: hostile })).toBe(hostile[0].content);
    expect(render("{{ messages[0].constructor }}|{{ messages.__proto__ }}")).toBe("|");
  });
});
