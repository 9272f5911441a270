import type { GrammarSpec } from "../../text/grammar/grammar-spec.ts";
import { thinkBegin, thinkEnd, type ToolFormat } from "../../text/tool-calls/tool-format.ts";
import type { Tool } from "./tool-options.ts";

export interface ToolGrammarOptions {
  readonly format: ToolFormat;
  /** At least one of these is called. */
  readonly tools: readonly Tool[];
  readonly isParallel: boolean;
  /** "open": the prompt has begun it; "possible": the answer may. */
  readonly reasoning: "none" | "possible" | "open";
  /** Marks may be special tokens, whose text no other tokens may spell. */
  readonly isSpecial: (mark: string) => boolean;
}

/** An answer that is nothing but calls, whose arguments their tools' schemas allow, as the model was trained to write them. */
export function toolGrammar(options: ToolGrammarOptions): GrammarSpec {
  const { format, reasoning, isSpecial } = options;
  const mark = (text: string): GrammarSpec =>
    isSpecial(text) ? { kind: "special-token", name: text } : { kind: "literal", text };
  const calls = sequence(...callParts(options, mark));
  const thought = sequence({ kind: "text", without: [thinkBegin, thinkEnd, format.begin] }, mark(thinkEnd), {
    kind: "literal",
    text: "\n\n",
  });
  if (reasoning === "open") return sequence(thought, calls);
  if (reasoning === "none") return calls;
  return { kind: "choice", options: [sequence(mark(thinkBegin), thought, calls), calls] };
}

function callParts(
  { format, tools, isParallel }: ToolGrammarOptions,
  mark: (text: string) => GrammarSpec,
): readonly GrammarSpec[] {
  const { begin, end, isList, mayBeBare, argumentsKey, argumentsMark } = format;
  if (argumentsMark !== undefined) {
    const named = tools.map((tool) =>
      sequence(mark(begin), literal(tool.function.name), mark(argumentsMark), argumentsOf(tool)),
    );
    return several({ kind: "choice", options: named }, "", isParallel);
  }
  const call: GrammarSpec = {
    kind: "choice",
    options: tools.map((tool) =>
      sequence(
        literal(`{"name": ${JSON.stringify(tool.function.name)}, ${JSON.stringify(argumentsKey)}: `),
        argumentsOf(tool),
        literal("}"),
      ),
    ),
  };
  const closing = end === undefined ? [] : [mark(end)];
  if (isList) return [mark(begin), literal("["), ...several(call, ", ", isParallel), literal("]"), ...closing];
  if (mayBeBare) return several(call, "; ", isParallel);
  return several(sequence(mark(begin), literal("\n"), call, literal("\n"), ...closing), "\n", isParallel);
}

function several(one: GrammarSpec, between: string, isParallel: boolean): readonly GrammarSpec[] {
  if (!isParallel) return [one];
  const next = between === "" ? one : sequence(literal(between), one);
  return [one, { kind: "repeat", body: next, min: 0 }];
}

/** A function without parameters has no arguments. */
function argumentsOf({ function: { parameters } }: Tool): GrammarSpec {
  const schema = parameters ?? { type: "object", properties: {}, additionalProperties: false };
  return { kind: "json-schema", schema: JSON.stringify(schema) };
}

function sequence(...parts: readonly GrammarSpec[]): GrammarSpec {
  return { kind: "sequence", parts };
}

function literal(text: string): GrammarSpec {
  return { kind: "literal", text };
}
