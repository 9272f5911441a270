import { functionBegin, harmonyMarks } from "./marks.ts";

/** How a family of models writes calls of tools. */
export interface ToolFormat {
  readonly name: "hermes" | "llama" | "mistral" | "phi" | "functools" | "pythonic" | "xml" | "harmony";
  /** What stands before calls; a special token in some vocabularies. */
  readonly begin: string;
  /** What stands behind them; absent: nothing but the end of the turn. */
  readonly end?: string;
  /** Calls are elements of one list; else each is an object by itself. */
  readonly isList: boolean;
  /** How a call begins, or the list of calls; "" where names stand before their arguments. */
  readonly opener: string;
  /** A call may also be the whole of an answer, with nothing before it. */
  readonly mayBeBare: boolean;
  /** Between a name and its arguments, where a call is these alone and no object. */
  readonly argumentsMark?: string;
  /** The key of the arguments, beside "name". */
  readonly argumentsKey: "arguments" | "parameters";
}

/** Hermes 2 Pro, Qwen 2.5 and 3, SmolLM 2 and 3; what models are told to write whose template knows of no tools. */
export const hermesFormat: ToolFormat = {
  name: "hermes",
  begin: "<tool_call>",
  end: "</tool_call>",
  isList: false,
  opener: "{",
  mayBeBare: false,
  argumentsKey: "arguments",
};

const listed = { isList: true, opener: "{", mayBeBare: false, argumentsKey: "arguments" } as const;
const llama: ToolFormat = {
  ...{
    name: "llama",
    begin: "<|python_tag|>",
    isList: false,
    opener: "{",
    mayBeBare: true,
    argumentsKey: "parameters",
  },
};

/** Qwen3-Coder: `<function=name>`, and its arguments as `<parameter=key>`. */
const xml: ToolFormat = { ...hermesFormat, name: "xml", opener: functionBegin };
/** Llama 4, and Llama 3.2's smallest: calls as Python writes them, in a list. */
const pythonic: ToolFormat = {
  ...{ name: "pythonic", begin: "<|python_start|>", end: "<|python_end|>", isList: true, opener: "[", mayBeBare: true },
  argumentsKey: "arguments",
};
/** gpt-oss: messages in channels, also where no tools are offered (harmony-parser.ts). */
const harmony: ToolFormat = { ...hermesFormat, name: "harmony", begin: harmonyMarks.channel, end: harmonyMarks.call };

/** Most telling first: the mark in a template that says which format its model was trained for. */
const formats: readonly (readonly [mark: string, ToolFormat])[] = [
  ["[ARGS]", { name: "mistral", begin: "[TOOL_CALLS]", argumentsMark: "[ARGS]", ...listed }],
  ["[TOOL_CALLS]", { name: "mistral", begin: "[TOOL_CALLS]", ...listed }],
  // Phi-4-mini, Granite 3.
  ["<|tool_call|>", { name: "phi", begin: "<|tool_call|>", end: "<|/tool_call|>", ...listed }],
  [harmonyMarks.channel, harmony],
  [functionBegin, xml],
  ["func_name1(", pythonic],
  ["functools[", { name: "functools", begin: "functools", ...listed }],
  ["<tool_call>", hermesFormat],
  ["<|python_tag|>", llama],
  // Llama 3.2's says only what the model is to answer with.
  ['"parameters": dictionary of argument', llama],
];

/** The format that a chat template's model was trained for. Undefined: the template knows of no tools, or of no format that we do. */
export function toolFormatOf(template: string): ToolFormat | undefined {
  if (!/\btools\b/.test(template)) return undefined;
  return formats.find(([mark]) => template.includes(mark))?.[1];
}

/** Whether a chat template's model writes its answers in Harmony's channels. */
export function hasChannels(template: string): boolean {
  return template.includes(harmonyMarks.channel);
}

/** What a model's reasoning stands between. */
export const thinkBegin = "<think>";
export const thinkEnd = "</think>";

/** Whether a chat template's model writes its reasoning before its answer. */
export function hasReasoning(template: string): boolean {
  return template.includes(thinkEnd);
}
