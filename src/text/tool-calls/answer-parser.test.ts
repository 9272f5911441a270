import { describe, expect, test } from "vitest";
import { AnswerParser, type AnswerParserOptions, type AnswerPart } from "./answer-parser.ts";
import { hermesFormat, toolFormatOf, type ToolFormat } from "./tool-format.ts";

const formatOf = (mark: string): ToolFormat => toolFormatOf(`{% if tools %}${mark}`)!;
const mistral = formatOf("[TOOL_CALLS]");
const llama = formatOf("<|python_tag|>");
const phi = formatOf("<|tool_call|>");
const xml = formatOf("<tool_call>\n<function=name>");
const pythonic = formatOf("[func_name1(params_name1=params_value1)]");
const isText = (tool: string, parameter: string): boolean => tool === "add" && parameter === "t";
const xmlCall =
  "<tool_call>\n<function=add>\n<parameter=t>\n1 </a>\n2\n</parameter>\n<parameter=n>\n[1, 2]\n</parameter>\n</function>\n</tool_call>";
const xmlAdd = ["add", '{"t": "1 </a>\\n2", "n": [1, 2]}'] as const;
const toolNames = ["add", "now"];

/** Text, reasoning and calls that parts come to. */
interface Answer {
  readonly text?: string;
  readonly reasoning?: string;
  readonly calls?: readonly (readonly [name: string, json: string])[];
}

function read(pieces: readonly string[], options: AnswerParserOptions): Answer {
  const parser = new AnswerParser({ toolNames, ...options });
  const parts: AnswerPart[] = pieces.flatMap((piece) => parser.push(piece));
  parts.push(...parser.finish());
  const joined = (type: "text" | "reasoning"): string =>
    parts.map((part) => (part.type === type ? part.text : "")).join("");
  const calls: [string, string][] = [];
  for (const part of parts)
    if (part.type === "tool-call") calls.push([part.name, ""]);
    else if (part.type === "tool-arguments") calls.at(-1)![1] += part.text;
  for (const part of parts) if ("text" in part) expect(part.text).not.toBe("");
  const [text, reasoning] = [joined("text"), joined("reasoning")];
  return { ...(text && { text }), ...(reasoning && { reasoning }), ...(calls.length > 0 && { calls }) };
}

const hermes = (json: string): string => `<tool_call>\n${json}\n</tool_call>`;
const add = '{"name": "add", "arguments": {"a": 1, "b": {"c": "}\\""}}}';
const addCall = ["add", '{"a": 1, "b": {"c": "}\\""}}'] as const;

const cases: readonly (readonly [label: string, said: string, options: AnswerParserOptions, answer: Answer])[] = [
  ["text alone", " Hello, <tool> {} \n", { format: hermesFormat }, { text: " Hello, <tool> {} \n" }],
  ["a call", hermes(add), { format: hermesFormat }, { calls: [addCall] }],
  ["text, then calls", `Well:\n\n${hermes(add)}\n${hermes(add)}`, { format: hermesFormat }, { text: "Well:", calls: [addCall, addCall] }],
  ["text behind a call", `${hermes(add)}\nDone. `, { format: hermesFormat }, { text: "Done.", calls: [addCall] }],
  ["a list of calls", hermes(`[${add}, ${add}]`), { format: hermesFormat }, { calls: [addCall, addCall] }],
  ["no arguments", hermes('{"name":"now"}'), { format: hermesFormat }, { calls: [["now", "{}"]] }],
  ["arguments first", hermes('{"arguments":{"a":[1,{}]},"name":"add"}'), { format: hermesFormat }, { calls: [["add", '{"a":[1,{}]}']] }],
  ["arguments as a text", hermes('{"name":"add","arguments":"{\\"a\\":1}"}'), { format: hermesFormat }, { calls: [["add", '{"a":1}']] }],
  ["other members", hermes('{"id":"x, }","name":"add","more":[{"name":"y"}],"arguments":{}}'), { format: hermesFormat }, { calls: [["add", "{}"]] }],
  ["a mark and no call", "<tool_call> is a mark", { format: hermesFormat }, { text: "<tool_call> is a mark" }],
  ["a mark and another object", 'x <tool_call>{"a": 1}', { format: hermesFormat }, { text: 'x <tool_call>{"a": 1}' }],
  ["a mark at the end", "so <tool_call>", { format: hermesFormat }, { text: "so <tool_call>" }],
  ["an answer cut before the name", 'x <tool_call>{"na', { format: hermesFormat }, { text: 'x <tool_call>{"na' }],
  ["an answer cut in the arguments", '<tool_call>{"name":"add","arguments":{"a":', { format: hermesFormat }, { calls: [["add", '{"a":']] }],
  ["what is no JSON", "<tool_call>{name: add}</tool_call>", { format: hermesFormat }, { text: "<tool_call>{name: add}</tool_call>" }],
  ["a list behind a mark", `[TOOL_CALLS][${add}, ${add}]`, { format: mistral }, { calls: [addCall, addCall] }],
  ["names before arguments", '[TOOL_CALLS]add[ARGS]{"a": "{"}[TOOL_CALLS]now[CALL_ID]a1[ARGS]{}', { format: mistral }, { calls: [["add", '{"a": "{"}'], ["now", "{}"]] }],
  ["a mark before text", "[TOOL_CALLS] what is it?", { format: mistral }, { text: "[TOOL_CALLS] what is it?" }],
  ["a list between marks", `<|tool_call|>[${add}]<|/tool_call|>`, { format: phi }, { calls: [addCall] }],
  ["a bare call", '{"name": "add", "parameters": {"a": 1}}', { format: llama }, { calls: [["add", '{"a": 1}']] }],
  ["two bare calls", '{"name": "add", "parameters": {}}; {"name": "now", "parameters": {}}', { format: llama }, { calls: [["add", "{}"], ["now", "{}"]] }],
  ["a call behind a tag", '<|python_tag|>{"name": "add", "parameters": {}}', { format: llama }, { calls: [["add", "{}"]] }],
  ["an answer in JSON", '{"name": "Ada", "parameters": {}}', { format: llama }, { text: '{"name": "Ada", "parameters": {}}' }],
  ["another answer in JSON", '{"name": "add", "age": 3}', { format: llama }, { text: '{"name": "add", "age": 3}' }],
  ["parameters between marks", `Yes.\n${xmlCall}\n${xmlCall}`, { format: xml, isText }, { text: "Yes.", calls: [xmlAdd, xmlAdd] }],
  ["a function without parameters", "<tool_call>\n<function=now>\n</function>\n</tool_call> ok", { format: xml }, { text: "ok", calls: [["now", "{}"]] }],
  ["a value that is no JSON", "<tool_call><function=add><parameter=a>b>c</parameter></function></tool_call>", { format: xml }, { calls: [["add", '{"a": "b>c"}']] }],
  ["a parameter without end", "<tool_call><function=add><parameter=a>1</parameter><parameter=b>2", { format: xml }, { calls: [["add", '{"a": 1']] }],
  ["a mark before text, no function", "<tool_call> <b>", { format: xml }, { text: "<tool_call> <b>" }],
  ["calls of Python's", "[add(a=-1.5, t='it\\'s', c=[True, None, {'x': (1, 2,)}]), now()]", { format: pythonic }, { calls: [["add", '{"a":-1.5,"t":"it\'s","c":[true,null,{"x":[1,2]}]}'], ["now", "{}"]] }],
  ["calls of Python's between marks", '<|python_start|>[add(a="]\\n)")]<|python_end|>', { format: pythonic }, { calls: [["add", '{"a":"]\\n)"}']] }],
  ["a list", "[1, 2]", { format: pythonic }, { text: "[1, 2]" }],
  ["a call of another function", "[sum([1, 2])]", { format: pythonic }, { text: "[sum([1, 2])]" }],
  ["a call of what is no Python", "[add(a=b+1)] it is", { format: pythonic }, { text: "[add(a=b+1)] it is" }],
  ["reasoning", "<think>\nHm. \n</think>\n\nYes.", { reasoning: "possible" }, { reasoning: "Hm.", text: "Yes." }],
  ["reasoning that the prompt began", "Hm.</think>Yes.", { reasoning: "open" }, { reasoning: "Hm.", text: "Yes." }],
  ["reasoning without end", "<think>Hm, <", { reasoning: "possible" }, { reasoning: "Hm, <" }],
  ["reasoning, then a call", `<think>Add.</think>\n${hermes(add)}`, { reasoning: "possible", format: hermesFormat }, { reasoning: "Add.", calls: [addCall] }],
  ["a mark of a call in reasoning", `<think>${hermes(add)}</think>No.`, { reasoning: "possible", format: hermesFormat }, { reasoning: hermes(add), text: "No." }],
  ["marks that mean nothing", "<think>a</think>", {}, { text: "<think>a</think>" }],
  ["no reasoning", "<thin ice>", { reasoning: "possible" }, { text: "<thin ice>" }],
]; // prettier-ignore

describe("an answer is told apart, however it is cut", () => {
  test.each(cases)("%s", (_, said, options, answer) => {
    expect(read([said], options)).toEqual(answer);
    expect(read([...said], options)).toEqual(answer);
    for (let cut = 1; cut < said.length; cut++)
      expect(read([said.slice(0, cut), said.slice(cut)], options)).toEqual(answer);
  });
});

test("arguments are said as they come", () => {
  const parser = new AnswerParser({ format: hermesFormat, toolNames });
  const [first, second] = ['<tool_call>{"name":"add","arguments":{"a', '":1'].map((piece) => parser.push(piece));
  expect(first).toEqual([
    { type: "tool-call", name: "add" },
    { type: "tool-arguments", text: '{"a' },
  ]);
  expect(second).toEqual([{ type: "tool-arguments", text: '":1' }]);
});

test("a long answer takes time in proportion", () => {
  const parser = new AnswerParser({ format: mistral, toolNames });
  const said = "[TOOL_CALLS]" + "x".repeat(100_000) + "[".repeat(100_000);
  expect([...said].flatMap((char) => parser.push(char)).length).toBeGreaterThan(1000);
});

test("a template that knows of no tools has no format", () => {
  expect(toolFormatOf("{{ messages }}")).toBeUndefined();
  expect(toolFormatOf("{% if tools %}<tool_call>{% endif %}")).toBe(hermesFormat);
});
