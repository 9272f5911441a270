import { Ajv2020 } from "ajv/dist/2020.js";
import { beforeAll, describe, expect, test } from "vitest";
import type { Tool } from "../../src/llm/tools/tool-options.ts";
import { planTurn } from "../../src/llm/tools/plan-turn.ts";
import { AnswerParser, type AnswerPart } from "../../src/text/tool-calls/answer-parser.ts";
import { HarmonyParser } from "../../src/text/tool-calls/harmony-parser.ts";
import { compiledGrammar } from "../../src/text/grammar/compiled-grammar.ts";
import { seededRandom } from "../support/seeded-random.ts";
import { modelSampler, type Sampler } from "./sample-text.ts";

let sample: Sampler;

beforeAll(async () => {
  sample = await modelSampler();
});

const parameters = {
  type: "object",
  properties: {
    unit: { type: "string", enum: ["C", "F"] },
    place: { type: "string" },
    days: { type: "integer", minimum: 1, maximum: 14 },
    detailed: { type: "boolean" },
    near: { type: "array", items: { $ref: "#/$defs/city" }, maxItems: 2 },
  },
  required: ["place", "days"],
  additionalProperties: false,
  $defs: { city: { type: "string", maxLength: 5 } },
};
const tools: readonly Tool[] = [
  { type: "function", function: { name: "forecast", parameters } },
  { type: "function", function: { name: "now" } },
];

const templates: readonly (readonly [format: string, mark: string])[] = [
  ["Hermes", "<tool_call>"],
  ["Llama 3", "<|python_tag|>"],
  ["Mistral", "[TOOL_CALLS]"],
  ["later Mistral", "[TOOL_CALLS][ARGS]"],
  ["Phi 4", "<|tool_call|>"],
  ["Qwen3-Coder", "<tool_call>\n<function=name>"],
  ["Llama 4", "[func_name1(params_name1=params_value1)]"],
  ["gpt-oss", "<|channel|>"],
];

describe("calls that are drawn at random from what a format allows are read again, with arguments that their schema allows:", () => {
  test.each(templates)("%s", (_, mark) => {
    const turn = planTurn(
      [],
      { tools, toolChoice: "required" },
      { templateOf: () => `{{ tools }}${mark}`, isSpecial: () => false },
    );
    const validate = new Ajv2020({ allErrors: true }).compile(parameters);
    const random = seededRandom(7);
    const called = new Set<string>();
    const grammar = compiledGrammar(turn.grammar("")!);
    for (let round = 0; round < 12; round++) {
      const text = sample(grammar, random, 150);
      const options = turn.parserOptions("");
      const parser = options.hasChannels === true ? new HarmonyParser() : new AnswerParser(options);
      const parts: readonly AnswerPart[] = [...parser.push(text!), ...parser.finish()];
      const calls: { name: string; json: string }[] = [];
      for (const part of parts)
        if (part.type === "tool-call") calls.push({ name: part.name, json: "" });
        else if (part.type === "tool-arguments") calls.at(-1)!.json += part.text;
        else expect(part.type, text).toBe("reasoning");
      expect(calls.length, text).toBeGreaterThan(0);
      for (const { name, json } of calls) {
        called.add(name);
        if (name === "forecast") expect(validate(JSON.parse(json)), `${text}\n${json}`).toBe(true);
        else expect(JSON.parse(json)).toEqual({});
      }
    }
    expect([...called].sort()).toEqual(["forecast", "now"]);
  });
});
