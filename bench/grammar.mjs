// What it costs to hold answers to a JSON Schema: CPU time of this thread and of the whole process for each token, with and
// without a grammar in turns, and the share of the mask. "first" is the first answer after loading, when nothing is known yet.
//   node bench/grammar.mjs [model] [rounds]
import { performance } from "node:perf_hooks";
import { LLM } from "../dist/node.mjs";
import { median } from "./statistics.mjs";

const [model, rounds = "5"] = process.argv.slice(2);
const item = {
  type: "object",
  properties: { name: { type: "string" }, price: { type: "number", minimum: 0 } },
  required: ["name", "price"],
};
const jsonSchema = { type: "array", items: item, minItems: 10 };
const maxTokens = 96;

const llm = await LLM.load(model || undefined);
const results = { free: [], held: [] };
for (let round = 0; round <= Number(rounds); round++)
  for (const kind of ["free", "held"]) {
    const cpu = process.cpuUsage();
    const thread = performance.eventLoopUtilization();
    const options = { maxTokens, seed: round, ignoreEos: true, ...(kind === "held" && { jsonSchema }) };
    const { ids } = await llm.chat("List things in a shop, with prices.", options).result;
    const { user, system } = process.cpuUsage(cpu);
    const { active } = performance.eventLoopUtilization(thread);
    const each = { cpuMs: (user + system) / 1000 / ids.length, threadMs: active / ids.length };
    if (round === 0) console.log(`first ${kind}: ${show(each)}`);
    else results[kind].push(each);
  }
await llm.close();

const middle = (kind) => ({
  cpuMs: median(results[kind].map(({ cpuMs }) => cpuMs)),
  threadMs: median(results[kind].map(({ threadMs }) => threadMs)),
});
const [free, held] = [middle("free"), middle("held")];
console.log(`free: ${show(free)}\nheld: ${show(held)}`);
const share = (100 * (held.threadMs - free.threadMs)) / held.cpuMs;
console.log(`masks: ${(held.threadMs - free.threadMs).toFixed(3)} ms a token, ${share.toFixed(1)} % of its CPU time`);

function show({ cpuMs, threadMs }) {
  return `${cpuMs.toFixed(2)} ms of CPU a token, ${threadMs.toFixed(3)} of them in this thread`;
}
