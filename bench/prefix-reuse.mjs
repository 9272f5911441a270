#!/usr/bin/env node
// Time to the first token of a chat's second turn, with prefix reuse and without.
//
//   node bench/prefix-reuse.mjs [MODEL] [--runs 5] [--history 1500] [--threads N] [--json]
//
// Two copies of the model, one of which computes every prompt anew, take turns. The first turn has some `history` tokens and is
// answered with 32 more; the second repeats all of that as messages and asks something short. Every run is a conversation of its
// own, different from its first word on.
import { LLM } from "../dist/node.mjs";
import { countFlags } from "./count-flags.mjs";
import { median, range } from "./statistics.mjs";

const { positionals, runs, history, threads, json } = countFlags({ runs: 5, history: 1500, threads: undefined });
const options = { maxSequences: 1, threads };

/** A text of about `history` tokens that no other run begins with. */
const story = (run) => `Story ${run}. ${"The fox went over the hill and saw another fox there. ".repeat(history / 12)}`;

/** Milliseconds until the first token of the second turn, and how many tokens of its prompt were there. */
async function secondTurn(llm, run) {
  const sampling = { temperature: 0, ignoreEos: true };
  const messages = [{ role: "user", content: story(run) }];
  const { text } = await llm.chat(messages, { ...sampling, maxTokens: 32 }).result;
  messages.push({ role: "assistant", content: text }, { role: "user", content: "Who was there?" });
  const { timings, usage } = await llm.chat(messages, { ...sampling, maxTokens: 1 }).result;
  return { ms: timings.queuedMs + timings.prefillMs, ...usage };
}

const variants = [];
for (const prefixReuse of [true, false]) {
  variants.push({ prefixReuse, llm: await LLM.load(positionals[0], { ...options, prefixReuse }), turns: [] });
}
for (let run = 0; run < runs; run++) {
  for (const { llm, turns } of variants) turns.push(await secondTurn(llm, run));
}
const { description } = variants[0].llm.info.device;
for (const { llm } of variants) await llm.close();

if (json) console.log(JSON.stringify(variants.map(({ prefixReuse, turns }) => ({ prefixReuse, turns }))));
else {
  console.log(`${description}; median (least … most) of ${runs} conversations`);
  for (const { prefixReuse, turns } of variants) {
    const ms = turns.map((turn) => turn.ms);
    const [least, most] = range(ms).map((time) => time.toFixed(0));
    const { promptTokens, cachedTokens } = turns.at(-1);
    console.log(
      `${prefixReuse ? "with   " : "without"} ${median(ms).toFixed(0)} ms (${least} … ${most}) to the first token of turn 2, ` +
        `${cachedTokens} of ${promptTokens} prompt tokens reused`,
    );
  }
}
