import type { GrammarSpec } from "../../text/grammar/grammar-spec.ts";
import { thinkBegin, thinkEnd, type ToolFormat } from "../../text/tool-calls/tool-format.ts";
import { functionBegin, functionEnd, harmonyMarks, parameterBegin, parameterEnd } from "../../text/tool-calls/marks.ts";
import { schemasOf, type Schema, type Tool } from "./tool-options.ts";

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
  if (format.name === "harmony") return harmonyGrammar(options.tools, mark);
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
  const closing = end === undefined ? [] : [mark(end)];
  if (format.name === "xml") {
    const written = sequence(mark(begin), literal("\n"), choice(tools.map(xmlCall)), literal("\n"), ...closing);
    return several(written, "\n", isParallel);
  }
  if (format.name === "pythonic")
    return [literal("["), ...several(choice(tools.map(pythonicCall)), ", ", isParallel), literal("]")];
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
  if (isList) return [mark(begin), literal("["), ...several(call, ", ", isParallel), literal("]"), ...closing];
  if (mayBeBare) return several(call, "; ", isParallel);
  return several(sequence(mark(begin), literal("\n"), call, literal("\n"), ...closing), "\n", isParallel);
}

/** Perhaps a thought in a message of its own, then a call, which ends the turn: there is but one. */
function harmonyGrammar(tools: readonly Tool[], mark: (text: string) => GrammarSpec): GrammarSpec {
  const { start, channel, constrain, message, end } = harmonyMarks;
  const thought = sequence(
    ...[
      mark(channel),
      literal("analysis"),
      mark(message),
      { kind: "text", without: Object.values(harmonyMarks) } as const,
    ],
    ...[mark(end), mark(start), literal("assistant")],
  );
  const calls = tools.map((tool) =>
    sequence(
      ...[mark(channel), literal(`commentary to=functions.${tool.function.name} `), mark(constrain), literal("json")],
      ...[mark(message), argumentsOf(tool)],
    ),
  );
  return sequence({ kind: "repeat", body: thought, min: 0, max: 1 }, choice(calls));
}

/** Texts stand for themselves, so that of their schemas only `enum` and `const` can be kept to; all else is JSON. */
function xmlCall(tool: Tool): GrammarSpec {
  const value = (schema: Schema): GrammarSpec => {
    if (schema.type !== "string") return withDefinitions(schema, tool);
    const listed = Array.isArray(schema.enum) ? (schema.enum as readonly unknown[]) : [schema.const];
    const texts = listed.filter((each) => typeof each === "string");
    return texts.length > 0 ? choice(texts.map(literal)) : { kind: "text", without: [parameterEnd] };
  };
  const parameters = schemasOf(tool).map(([name, schema]) =>
    unlessRequired(
      tool,
      name,
      sequence(literal(`${parameterBegin}${name}>\n`), value(schema), literal(`\n${parameterEnd}\n`)),
    ),
  );
  return sequence(literal(`${functionBegin}${tool.function.name}>\n`), ...parameters, literal(functionEnd));
}

/** Required arguments first, in one list, then the others; values are JSON but for Python's constants. */
function pythonicCall(tool: Tool): GrammarSpec {
  const { name } = tool.function;
  const written = schemasOf(tool).map(
    ([key, schema]) => [isRequired(tool, key), sequence(literal(`${key}=`), pythonicValue(schema, tool))] as const,
  );
  const required = written.filter(([is]) => is).map(([, argument]) => argument);
  const others = written.filter(([is]) => !is).map(([, argument]) => argument);
  const [first, ...rest] = required;
  const optional = (argument: GrammarSpec): GrammarSpec => ({ kind: "repeat", body: argument, min: 0, max: 1 });
  const after = (argument: GrammarSpec): GrammarSpec => sequence(literal(", "), argument);
  const listed =
    first !== undefined
      ? [first, ...rest.map(after), ...others.map((argument) => optional(after(argument)))]
      : // Whichever of the optional ones comes first has no comma before it.
        [
          optional(
            choice(
              others.map((argument, i) =>
                sequence(
                  argument,
                  ...others
                    .slice(i + 1)
                    .map(after)
                    .map(optional),
                ),
              ),
            ),
          ),
        ];
  return sequence(literal(`${name}(`), ...(written.length === 0 ? [] : listed), literal(")"));
}

function pythonicValue(schema: Schema, tool: Tool): GrammarSpec {
  if (schema.type === "boolean") return choice([literal("True"), literal("False")]);
  if (schema.type === "null") return literal("None");
  return withDefinitions(schema, tool);
}

/** A parameter's schema may refer to what the tool's defines. */
function withDefinitions(schema: Schema, { function: { parameters = {} } }: Tool): GrammarSpec {
  const { $defs, definitions } = parameters;
  const whole = { ...schema, ...($defs !== undefined && { $defs }), ...(definitions !== undefined && { definitions }) };
  return { kind: "json-schema", schema: JSON.stringify(whole) };
}

function unlessRequired(tool: Tool, name: string, body: GrammarSpec): GrammarSpec {
  return isRequired(tool, name) ? body : { kind: "repeat", body, min: 0, max: 1 };
}

function isRequired({ function: { parameters } }: Tool, name: string): boolean {
  return Array.isArray(parameters?.required) && parameters.required.includes(name);
}

function choice(options: readonly GrammarSpec[]): GrammarSpec {
  return { kind: "choice", options };
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
