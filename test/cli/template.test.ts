import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { expectFailure, fewbit, fewbitJson, isBuilt, scratchFolder } from "./fewbit.ts";

const chat =
  "{{ bos_token }}{% for m in messages %}[{{ m.role }}] {{ m.content }}{{ eos_token }}\n{% endfor %}" +
  "{% if tools %}{{ tools | length }} tools {% endif %}{% if add_generation_prompt %}>{% endif %}";

/** Nothing but the files of a tokenizer that are about text. */
function folder(template = chat): string {
  const path = scratchFolder();
  const config = { bos_token: "<s>", eos_token: "</s>", chat_template: template };
  writeFileSync(join(path, "tokenizer_config.json"), JSON.stringify(config));
  return path;
}

function file(template: string): string {
  const path = join(scratchFolder(), "chat.jinja");
  writeFileSync(path, template);
  return path;
}

const hi = { messages: [{ role: "user", content: "Hi" }] };

describe.skipIf(!isBuilt)("template", () => {
  test("a conversation on standard input, for scripts", async () => {
    const render = (input: object): Promise<unknown> =>
      fewbitJson(["template", folder()], { input: JSON.stringify(input) });
    expect(await render(hi)).toEqual({ text: "<s>[user] Hi</s>\n>" });
    expect(await render({ ...hi, tools: [{}, {}], add_generation_prompt: false })).toEqual({
      text: "<s>[user] Hi</s>\n2 tools ",
    });
  });

  test("a bare template, further variables and a fixed clock", async () => {
    const path = file("{{ bos_token }}{{ eos_token }}{{ x }} {{ strftime_now('%d %b %Y %H:%M') }}");
    const input = JSON.stringify({ ...hi, x: [1, null], now: "2025-03-09T14:05:06" });
    expect(await fewbitJson(["template", "--file", path, "--bos", "<b>", "--eos", "<e>"], { input })).toEqual({
      text: "<b><e>[1, None] 09 Mar 2025 14:05",
    });
  });

  test("a refusal is an answer for scripts, with status 1", async () => {
    const refuse = (template: string): Promise<{ code: number | null; stdout: string }> =>
      fewbit(["template", "--file", file(template), "--json"], { input: JSON.stringify(hi) });
    const refusal = await refuse("{{ raise_exception('not you') }}");
    expect(refusal.code).toBe(1);
    expect(JSON.parse(refusal.stdout)).toEqual({ error: "the chat template refuses this conversation: not you" });
    const malformed = await refuse("\n{{ 1 +");
    expect(malformed.code).toBe(1);
    expect((JSON.parse(malformed.stdout) as { error: string }).error).toContain("line 2");
  });

  test("for people: a prompt, and what it says to a terminal is seen", async () => {
    const { code, stdout } = await fewbit(["template", folder(), "Hi\u001b", "--system", "Be brief."]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "<s>[system] Be brief.</s>\n[user] Hi␛</s>\n>\n" });
  });

  test("wrong usage", async () => {
    const model = folder();
    expectFailure(await fewbit(["template", model, "--json"], { input: "[]" }), 2, /messages/);
    expectFailure(await fewbit(["template", model, "--json"], { input: '{"messages":[],"now":"noon"}' }), 2, /now/);
    expectFailure(await fewbit(["template", model, "a", "--bos", "x"]), 2, /--file/);
    expectFailure(await fewbit(["template", "a", "b", "--file", file("")]), 2, /one argument too many/);
    expectFailure(await fewbit(["template", scratchFolder(), "a"]), 1, /no chat template/);
    expectFailure(await fewbit(["template", "--file", join(model, "none.jinja"), "a"]), 1, /none\.jinja/);
  });
});
