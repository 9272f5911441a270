// A conversation of several turns: the list of messages is yours, and every answer goes back into it. What the model has
// read and said before is not computed again.
//
//   node examples/chat.mjs [MODEL]     in a checkout after `npm run setup`
import { LLM } from "fewbit";

const questions = ["What is the capital of France?", "And what is it famous for?"];

const llm = await LLM.load(process.argv[2]);
try {
  /** @type {import("fewbit").ChatMessage[]} */
  const messages = [{ role: "system", content: "You answer in one sentence." }];
  for (const question of questions) {
    messages.push({ role: "user", content: question });
    console.log(`> ${question}`);
    const answer = llm.chat(messages, { maxTokens: 100, temperature: 0 });
    for await (const event of answer) {
      if (event.type === "text") process.stdout.write(event.text);
    }
    const { text } = await answer.result;
    messages.push({ role: "assistant", content: text ?? "" });
    console.log("\n");
  }
} finally {
  await llm.close();
}
