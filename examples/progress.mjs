// How far loading is: one line a phase, in megabytes, and what the model turned out to be.
//
//   node examples/progress.mjs [MODEL]     in a checkout after `npm run setup`
import { LLM } from "fewbit";

/** @type {Map<string, string>} */
const phases = new Map();

const llm = await LLM.load(process.argv[2], {
  onProgress: ({ phase, bytesDone, bytesTotal }) => {
    const megabytes = (/** @type {number} */ bytes) => (bytes / 1e6).toFixed(1);
    phases.set(phase, `${megabytes(bytesDone)} of ${bytesTotal === undefined ? "?" : megabytes(bytesTotal)} MB`);
    if (process.stderr.isTTY) process.stderr.write(`\r${phase}: ${phases.get(phase)}\x1b[K`);
  },
});
try {
  if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
  for (const [phase, bytes] of phases) console.log(`${phase}: ${bytes}`);
  const { architecture, format, contextLength, loadMs } = llm.info;
  console.log(`${architecture}, ${format}, up to ${contextLength} positions, ready in ${Math.round(loadMs)} ms`);
} finally {
  await llm.close();
}
