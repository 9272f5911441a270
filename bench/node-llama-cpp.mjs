// Times node-llama-cpp in a process of its own: node node-llama-cpp.mjs PEERS MODEL PROMPT GENERATE THREADS. Prints the second of two runs:
// {"pp":{"tokensPerSecond":…},"tg":{"tokensPerSecond":…}}.
import { createRequire } from "node:module";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { pathToFileURL } from "node:url";

const [peers, modelPath, ...counts] = process.argv.slice(2);
const [promptLength, generateLength, threads] = counts.map(Number);
const { resolve } = createRequire(join(peers, "package.json"));
const { getLlama } = await import(pathToFileURL(resolve("node-llama-cpp")).href);
const llama = await getLlama({ gpu: false, build: "never", logLevel: "error" });
const model = await llama.loadModel({ modelPath, gpuLayers: 0 });
const contextSize = promptLength + generateLength + 64;
const context = await model.createContext({ contextSize, batchSize: 2048, threads, flashAttention: true });
const sequence = context.getSequence();
const prompt = Array.from({ length: promptLength }, (_, i) => 1000 + ((i * 7919) % 20000));
const secondsSince = (start) => (performance.now() - start) / 1000;

let report;
for (let turn = 0; turn < 2; turn++) {
  await sequence.clearHistory();
  const start = performance.now();
  await sequence.evaluateWithoutGeneratingNewTokens(prompt);
  const promptSeconds = secondsSince(start);
  const answer = sequence.evaluate([500], { temperature: 0 });
  await answer.next();
  const firstAt = performance.now();
  let tokens = 1;
  while (tokens < generateLength && (await answer.next()).done !== true) tokens++;
  const speed = (count, seconds) => ({ tokensPerSecond: count / seconds });
  report = { pp: speed(promptLength, promptSeconds), tg: speed(tokens - 1, secondsSince(firstAt)) };
}
console.log(JSON.stringify(report));
process.exit(0); // its native threads would go on
