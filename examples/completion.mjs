// A text continued as it is, without a chat template: three different ways, each of which its seed brings back; and how
// sure the model was of every token.
//
//   node examples/completion.mjs [MODEL]     in a checkout after `npm run setup`
import { LLM } from "fewbit";

const prompt = "Once upon a time, there was a";

const llm = await LLM.load(process.argv[2]);
try {
  for (const seed of [1, 2, 1]) {
    const { text } = await llm.generate(prompt, { maxTokens: 12, temperature: 0.8, seed }).result;
    console.log(`seed ${seed}: ${prompt}${text}`);
  }

  const { logprobs = [] } = await llm.generate(prompt, { maxTokens: 5, temperature: 0, topLogprobs: 3 }).result;
  for (const { id, logprob, top = [] } of logprobs) {
    const percent = (/** @type {number} */ value) => `${(100 * Math.exp(value)).toFixed(1)}%`;
    const name = (/** @type {number} */ token) => JSON.stringify(llm.detokenize([token]));
    const others = top.filter((other) => other.id !== id).map((other) => `${name(other.id)} ${percent(other.logprob)}`);
    console.log(`${name(id)} ${percent(logprob)}, before ${others.join(", ")}`);
  }
} finally {
  await llm.close();
}
