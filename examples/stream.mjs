// An answer, printed as it comes, with what it cost.
//
//   node examples/stream.mjs [MODEL]     in a checkout after `npm run setup`; without MODEL, the model of the checkout
import { LLM } from "fewbit";

const llm = await LLM.load(process.argv[2]);
try {
  const answer = llm.chat("What is the capital of France?", { maxTokens: 100, temperature: 0 });
  for await (const event of answer) {
    if (event.type === "text") process.stdout.write(event.text);
  }
  const { finishReason, usage, timings } = await answer.result;
  const { decodeTokensPerSecond } = timings;
  console.log(`\n[${finishReason}: ${usage.completionTokens} tokens, ${decodeTokensPerSecond.toFixed(1)} a second]`);
} finally {
  await llm.close(); // in TypeScript, `await using llm = await LLM.load()` does it
}
