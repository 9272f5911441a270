// Times node-llama-cpp in a process of its own: node node-llama-cpp.mjs PEERS MODEL PROMPT GENERATE THREADS. Prints the second of two runs:
// {"pp":{"tokensPerSecond":…},"tg":{"tokensPerSecond":…}}.
import { createRequire } from "node:module";
import { join } from "node:path";
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
  let tokens = 0;
  let firstAt = 0;
  // eslint-disable-next-line @typescript-eslint/no-unused-vars -- an iterator has no other way to be counted
  for await (const token of sequence.evaluate([500], { temperature: 0 })) {
    if (++tokens === 1) firstAt = performance.now();
    if (tokens === generateLength) break;
  }
  const speed = (count, seconds) => ({ tokensPerSecond: count / seconds });
  report = { pp: speed(promptLength, promptSeconds), tg: speed(tokens - 1, secondsSince(firstAt)) };
}
console.log(JSON.stringify(report));
process.exit(0); // its native threads would go on
