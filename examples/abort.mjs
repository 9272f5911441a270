// Three ways to end an answer early: a signal, a time limit, and leaving the loop. None of them is an error; what has come
// until then is the answer.
//
//   node examples/abort.mjs [MODEL]     in a checkout after `npm run setup`
import { LLM } from "fewbit";

const question = "Count from one to a thousand in words.";
const options = { ignoreEos: true }; // so that also a small model does not end by itself before it is ended

const llm = await LLM.load(process.argv[2]);
try {
  const controller = new AbortController();
  const first = llm.chat(question, { ...options, signal: controller.signal });
  let tokens = 0;
  for await (const event of first) {
    if (event.type === "token" && ++tokens === 5) controller.abort();
  }
  console.log(`signal: ${(await first.result).finishReason}`);

  const second = llm.chat(question, { ...options, signal: AbortSignal.timeout(500) });
  console.log(`half a second: ${(await second.result).finishReason}`);

  const third = llm.chat(question, options);
  for await (const event of third) {
    if (event.type === "text") break;
  }
  console.log(`left: ${(await third.result).finishReason}`);
} finally {
  await llm.close();
}
