#!/usr/bin/env node
// Time to the first token through the server, of chats that share a long system prompt: with prefix reuse and without.
//
//   node bench/serve-prefix.mjs [MODEL] [--runs 5] [--system 1500] [--threads N] [--json]
//
// One `fewbit serve`; each run asks something else behind the same system prompt of some `system` tokens. "Without" gives every
// request a cache_salt of its own, so that nobody finds what others have computed; the two take turns. The first request of the
// salt that is shared, which computes the prompt, is not counted.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { performance } from "node:perf_hooks";
import { TextDecoder } from "node:util";
import { countFlags } from "./count-flags.mjs";
import { median, range } from "./statistics.mjs";

const { positionals, runs, system: length, threads, json } = countFlags({ runs: 5, system: 1500, threads: undefined });
const system = `You are helpful. ${"The fox went over the hill and saw another fox there. ".repeat(length / 12)}`;

const launcher = fileURLToPath(new URL("../bin/fewbit.mjs", import.meta.url));
const args = ["serve", ...positionals.slice(0, 1), "--port", "0", "--json", "--max-num-seqs", "1"];
if (threads !== undefined) args.push("--threads", String(threads));
const server = spawn(process.execPath, [launcher, ...args], { stdio: ["ignore", "pipe", "inherit"] });
process.on("exit", () => server.kill());
const [line] = await once(server.stdout.setEncoding("utf8"), "data");
const { url } = JSON.parse(line);

/** Milliseconds until the first bytes with a text, and how many tokens of the prompt were there. */
async function firstToken(question, salt) {
  const body = {
    messages: [
      { role: "system", content: system },
      { role: "user", content: question },
    ],
    ...{ max_tokens: 1, temperature: 0, stream: true, cache_salt: salt, stream_options: { include_usage: true } },
  };
  const start = performance.now();
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  let [text, ms] = ["", undefined];
  const decoder = new TextDecoder();
  for await (const bytes of response.body) {
    text += decoder.decode(bytes, { stream: true });
    if (/"content":"[^"]/.test(text)) ms ??= performance.now() - start;
  }
  if (response.status !== 200 || ms === undefined) throw new Error(`status ${response.status}: ${text}`);
  const usage = text
    .split("\n\n")
    .flatMap((event) => (event.includes('"usage":{') ? [JSON.parse(event.slice(6)).usage] : []));
  return { ms, promptTokens: usage[0].prompt_tokens, cachedTokens: usage[0].prompt_tokens_details.cached_tokens };
}

await firstToken("Are you there?", "shared");
const variants = { with: [], without: [] };
for (let run = 0; run < runs; run++) {
  variants.with.push(await firstToken(`What is ${run} plus one?`, "shared"));
  variants.without.push(await firstToken(`What is ${run} plus one?`, `alone ${run}`));
}
server.kill();

const medians = Object.values(variants).map((asked) => median(asked.map(({ ms }) => ms)));
const speedup = medians[1] / medians[0];
if (json) console.log(JSON.stringify({ ...variants, speedup }));
else {
  for (const [name, asked] of Object.entries(variants)) {
    const times = asked.map(({ ms }) => ms);
    const [least, most] = range(times).map((time) => time.toFixed(0));
    const { promptTokens, cachedTokens } = asked.at(-1);
    console.log(
      `${name.padEnd(7)} ${median(times).toFixed(0)} ms (${least} … ${most}) to the first token, ${cachedTokens} of ${promptTokens} prompt tokens reused`,
    );
  }
  console.log(`reuse is ${speedup.toFixed(1)} times as fast`);
}
