#!/usr/bin/env node
// Milliseconds to render a conversation through a model's own chat template, over the built program.
//
//   node bench/template.mjs [MODEL] [--messages 200] [--characters 400] [--runs 30]
//
// The first rendering parses the template and is reported by itself; the others take turns with a conversation of one
// message, which is what a rendering costs however short it is.
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { LLM } from "../dist/node.mjs";
import { median, range } from "./statistics.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    messages: { type: "string", default: "200" },
    characters: { type: "string", default: "400" },
    runs: { type: "string", default: "30" },
  },
});
const count = (name) => {
  const number = Number(values[name]);
  if (Number.isInteger(number) && number > 0) return number;
  throw new Error(`--${name} ${values[name]}: a whole number above 0 is needed`);
};

const content = "All work and no play. ".repeat(Math.ceil(count("characters") / 22)).slice(0, count("characters"));
// Turns alternate and begin with the user, which most templates insist on.
const conversation = (length) =>
  Array.from({ length }, (_, i) => ({ role: i % 2 === 0 ? "user" : "assistant", content }));

const llm = await LLM.load(positionals[0], { maxSequences: 1 });
const milliseconds = async (messages) => {
  const start = performance.now();
  const text = await llm.applyTemplate(messages);
  return { elapsed: performance.now() - start, characters: text.length };
};

const long = conversation(count("messages"));
const first = await milliseconds(conversation(1));
const times = { long: [], short: [] };
let characters = 0;
for (let i = 0; i < count("runs"); i++) {
  const rendered = await milliseconds(long);
  ({ characters } = rendered);
  times.long.push(rendered.elapsed);
  times.short.push((await milliseconds(conversation(1))).elapsed);
}
await llm.close();

const spread = (numbers) => {
  const [least, most] = range(numbers).map((ms) => ms.toFixed(2));
  return `${median(numbers).toFixed(2)} ms (${least} … ${most})`;
};
console.log(`median (least … most) of ${count("runs")} renderings`);
console.log(`first, with parsing   ${first.elapsed.toFixed(2)} ms`);
console.log(`1 message             ${spread(times.short)}`);
console.log(`${long.length} messages          ${spread(times.long)}, ${characters} characters`);
