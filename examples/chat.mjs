// A conversation of two turns, printed as it comes. From a checkout: npm run setup, then node examples/chat.mjs [MODEL]
import { LLM } from "fewbit";

const llm = await LLM.load(process.argv[2]);
try {
  const messages = [];
  for (const question of ["What is the capital of France?", "And what is it famous for?"]) {
    messages.push({ role: "user", content: question });
    console.log(`> ${question}`);
    const answer = llm.chat(messages, { maxTokens: 100 });
    for await (const event of answer) {
      if (event.type === "text") process.stdout.write(event.text);
    }
    const { text, usage, timings } = await answer.result;
    console.log(`\n[${usage.completionTokens} tokens, ${timings.decodeTokensPerSecond.toFixed(1)} a second]`);
    messages.push({ role: "assistant", content: text });
  }
} finally {
  await llm.close();
}
