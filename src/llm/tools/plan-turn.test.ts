import { describe, expect, test } from "vitest";
import { hermesFormat } from "../../text/tool-calls/tool-format.ts";
import { planTurn } from "./plan-turn.ts";
import type { RespondOptions, Tool } from "./tool-options.ts";

const tool = (name: string): Tool => ({ type: "function", function: { name, parameters: { type: "object" } } });
const tools = [tool("add"), tool("now")];
const hi = [{ role: "user", content: "Hi" }];
const plan = (options: RespondOptions, template = "{{ messages }}", messages: Parameters<typeof planTurn>[0] = hi) =>
  planTurn(messages, options, { templateOf: () => template, isSpecial: (text) => text.startsWith("[") });

describe("a template that knows of no tools", () => {
  test("has them told in the system message, which is added to", () => {
    const { messages, options, parserOptions } = plan({ tools, system: undefined });
    expect(messages).toHaveLength(2);
    expect(messages[0]).toMatchObject({ role: "system", content: expect.stringContaining('"name":"add"') as string });
    expect(options.tools).toBeUndefined();
    expect(parserOptions("")).toMatchObject({ format: hermesFormat, toolNames: ["add", "now"], reasoning: "none" });
    const [system] = plan({ tools }, undefined, [{ role: "system", content: "Be brief." }, ...hi]).messages;
    expect(system.content).toMatch(/^Be brief\.\n\n/);
  });

  test("has calls and what they gave written as text, also where no tools are offered any more", () => {
    const said = [
      ...hi,
      {
        role: "assistant",
        tool_calls: [{ id: "1", type: "function", function: { name: "now", arguments: { a: 1 } } }],
      },
      { role: "tool", tool_call_id: "1", content: "noon" },
    ];
    expect(plan({}, undefined, said).messages).toEqual([
      ...hi,
      { role: "assistant", content: '<tool_call>\n{"name":"now","arguments":{"a":1}}\n</tool_call>' },
      { role: "user", content: "<tool_response>\nnoon\n</tool_response>" },
    ]);
  });
});

test("a template that knows of tools is given them, and its marks are kept", () => {
  const { messages, options, parserOptions } = plan({ tools, temperature: 0 }, "{{ tools }}[TOOL_CALLS]");
  expect(messages).toBe(hi);
  expect(options).toEqual({ tools, temperature: 0, keepSpecial: ["[TOOL_CALLS]", "[ARGS]", "[CALL_ID]"] });
  expect(parserOptions("").format?.name).toBe("mistral");
});

test("nothing is told of tools that are not to be called", () => {
  const { options, parserOptions } = plan({ tools, toolChoice: "none" }, "{{ tools }}<tool_call>");
  expect(options).toEqual({ keepSpecial: [] });
  expect(parserOptions("").format).toBeUndefined();
});

test("reasoning is looked for where the template has it, and begins in the prompt where this ends with its mark", () => {
  const { parserOptions } = plan({}, "{{ messages }}</think>");
  expect(["", "a<think>\n", "<think>\n\n</think>\n\n"].map((prompt) => parserOptions(prompt).reasoning)).toEqual([
    "possible",
    "open",
    "possible",
  ]);
});

test("a call that must be is held to the format, marks to special tokens", () => {
  expect(plan({ tools }, "{{ tools }}[TOOL_CALLS]").grammar("")).toBeUndefined();
  const { grammar } = plan({ tools, toolChoice: { name: "now" } }, "{{ tools }}[TOOL_CALLS]");
  expect(grammar("")).toEqual({
    kind: "sequence",
    parts: [
      { kind: "special-token", name: "[TOOL_CALLS]" },
      { kind: "literal", text: "[" },
      {
        kind: "choice",
        options: [
          {
            kind: "sequence",
            parts: [
              { kind: "literal", text: '{"name": "now", "arguments": ' },
              { kind: "json-schema", schema: '{"type":"object"}' },
              { kind: "literal", text: "}" },
            ],
          },
        ],
      },
      { kind: "literal", text: "]" },
    ],
  });
});

test.each([
  [{ tools: [tool("a b")] }, "a name of letters"],
  [{ tools: [tool("x"), tool("x")] }, "there is another x"],
  [{ tools: [null as never] }, "tools[0]"],
  [{ tools, toolChoice: { name: "other" } }, "not among the tools"],
  [{ toolChoice: "required" }, "there are no tools"],
] satisfies readonly (readonly [RespondOptions, string])[])("refuses %j", (options, message) => {
  expect(() => plan(options)).toThrow(message);
});
