// What it costs to hold answers to a JSON Schema: without one, with one that is known, and with a new one for every answer, in
// turns. One thread computes, since threads that wait for others spin, which is CPU time too and says nothing: so the CPU time
// of the whole process is what was worked (JavaScript, native code, garbage collection), and the share of it is the claim.
//   node bench/grammar.mjs [model] [rounds]
import { performance } from "node:perf_hooks";
import { LLM } from "../dist/node.mjs";
import { median } from "./statistics.mjs";

const [model, rounds = "9"] = process.argv.slice(2);
const maxTokens = 96;
/** Rounds until the compiler of JavaScript has seen everything. */
const warmUp = 3;

/** Things of a shop, with more properties than an answer of `maxTokens` comes to; another schema for another `name`. */
function schemaOf(name) {
  const properties = {
    [name]: { type: "string" },
    price: { type: "number", minimum: 0 },
    colour: { enum: ["red", "green", "blue"] },
    tags: { type: "array", items: { type: "string", maxLength: 12 }, maxItems: 3 },
    bought: { type: "string", format: "date" },
  };
  const item = { type: "object", properties, required: Object.keys(properties), additionalProperties: false };
  return { type: "array", items: item, minItems: 10 };
}

const forms = {
  free: () => ({}),
  warm: () => ({ jsonSchema: schemaOf("name") }),
  cold: (round) => ({ jsonSchema: schemaOf(`name${round}`) }),
};
const llm = await LLM.load(model || undefined, { threads: 1 });
// Schemas are compiled in a thread whose code is compiled as it runs: a server has seen more than the rounds below.
for (let i = 0; i < 60; i++) await llm.chat("List things.", { maxTokens: 2, jsonSchema: schemaOf(`other${i}`) }).result;
const results = Object.fromEntries(Object.keys(forms).map((kind) => [kind, []]));
for (let round = -warmUp; round < Number(rounds); round++)
  for (const [kind, form] of Object.entries(forms)) {
    const cpu = process.cpuUsage();
    const begin = performance.now();
    const thread = performance.eventLoopUtilization();
    const options = { maxTokens, seed: 100 + round, ignoreEos: true, ...form(round) };
    const { ids } = await llm.chat("List things in a shop, with prices.", options).result;
    const wallMs = performance.now() - begin;
    const { user, system } = process.cpuUsage(cpu);
    const { active } = performance.eventLoopUtilization(thread);
    const each = [wallMs, (user + system) / 1000, active].map((ms) => ms / ids.length);
    if (round >= 0) results[kind].push(each);
  }
await llm.close();

for (const [kind, measured] of Object.entries(results)) {
  const [wall, cpu, active] = [0, 1, 2].map((i) => measured.map((each) => each[i]));
  // Of the same round, so that what else the machine does is in both.
  const shares = cpu.map((ms, round) => 100 * (ms / results.free[round][1] - 1)).sort((a, b) => a - b);
  const spread = `${shares[0].toFixed(1)} to ${shares.at(-1).toFixed(1)}`;
  console.log(
    `${kind}: ${median(wall).toFixed(2)} ms a token, ${median(cpu).toFixed(2)} of CPU, ${median(active).toFixed(3)} in the main ` +
      `thread${kind === "free" ? "" : `; ${median(shares).toFixed(1)} % more CPU than free (${spread})`}`,
  );
}
