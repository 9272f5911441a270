// Token ids in, token ids out: for a model without a tokenizer, or a program with a tokenizer of its own.
//
//   node examples/token-ids.mjs [MODEL [ID,ID,…]]     in a checkout after `npm run setup`
import { LLM } from "fewbit";

const [model, ids = "504,3575,282,4649,314"] = process.argv.slice(2);

const llm = await LLM.load(model);
try {
  const answer = llm.generate(ids.split(",").map(Number), { maxTokens: 8, temperature: 0, ignoreEos: true });
  for await (const event of answer) {
    if (event.type === "token") console.log(event.id);
  }
} finally {
  await llm.close();
}
