import { describe, expect, test } from "vitest";
import type { AnswerPart } from "./answer-parser.ts";
import { HarmonyParser } from "./harmony-parser.ts";

/** Parts of one type, one after the other, as one. */
function read(pieces: readonly string[]): readonly AnswerPart[] {
  const parser = new HarmonyParser();
  const parts: AnswerPart[] = [];
  for (const part of [...pieces.flatMap((piece) => parser.push(piece)), ...parser.finish()]) {
    const before = parts.at(-1);
    if ("text" in part) expect(part.text).not.toBe("");
    if (before?.type === part.type && "text" in part && "text" in before)
      parts[parts.length - 1] = { ...before, text: before.text + part.text };
    else parts.push(part);
  }
  return parts;
}

const thought = "<|channel|>analysis<|message|>Hm. <b>";
const next = "<|end|><|start|>assistant";
const reasoning = { type: "reasoning", text: "Hm. <b>" } as const;
const call = [
  { type: "tool-call", name: "get_weather" },
  { type: "tool-arguments", text: '{"city": "Bonn"}' },
] as const;

const cases: readonly (readonly [label: string, said: string, parts: readonly AnswerPart[]])[] = [
  ["text", "<|channel|>final<|message|>Yes.<|return|>", [{ type: "text", text: "Yes." }]],
  ["reasoning, then text", `${thought}${next}<|channel|>final<|message|>No <|x.`, [reasoning, { type: "text", text: "No <|x." }]],
  ["a call", `${thought}${next}<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>{"city": "Bonn"}<|call|>`, [reasoning, ...call]],
  ["the recipient before the channel", ' to=functions.get_weather<|channel|>commentary json<|message|>{"city": "Bonn"}', call],
  ["a call without arguments", "<|channel|>commentary to=functions.now<|message|><|call|>", [{ type: "tool-call", name: "now" }, { type: "tool-arguments", text: "{}" }]],
  ["a preamble, then text", `<|channel|>commentary<|message|>First.${next}<|channel|>final<|message|>Then.`, [{ type: "text", text: "First.\n\nThen." }]],
  ["no channel at all", '{"a": 1}', [{ type: "text", text: '{"a": 1}' }]],
  ["a word like the author's", "assist", []],
  ["nothing", "", []],
  ["an answer cut in a header", `${thought}${next}<|channel|>fin`, [reasoning]],
]; // prettier-ignore

describe("an answer in channels is told apart, however it is cut", () => {
  test.each(cases)("%s", (_, said, parts) => {
    expect(read([said])).toEqual(parts);
    expect(read([...said])).toEqual(parts);
    for (let cut = 1; cut < said.length; cut++) expect(read([said.slice(0, cut), said.slice(cut)])).toEqual(parts);
  });
});

test("a header without end is text", () => {
  const said = "<|channel|>" + "x".repeat(1000);
  expect(read([...said])).toEqual([{ type: "text", text: said }]);
});
