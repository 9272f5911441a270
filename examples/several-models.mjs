// Several models side by side, each with its share of the threads, asked the same thing at once.
//
//   node examples/several-models.mjs [MODEL MODEL …]     in a checkout after `npm run setup`
import { availableParallelism } from "node:os";
import { LLM } from "fewbit";

const named = process.argv.slice(2);
const models = named.length > 0 ? named : [undefined, undefined];
const threads = Math.max(1, Math.floor(availableParallelism() / models.length));

const llms = await Promise.all(models.map((model) => LLM.load(model, { threads })));
try {
  const answers = llms.map((llm) => llm.chat("Name one colour.", { maxTokens: 20, temperature: 0 }).result);
  for (const [index, { text, timings }] of (await Promise.all(answers)).entries()) {
    console.log(`${index + 1}: ${text} [${timings.decodeTokensPerSecond.toFixed(1)} tokens a second]`);
  }
} finally {
  await Promise.all(llms.map((llm) => llm.close()));
}
