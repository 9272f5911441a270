import type { LLM } from "../../llm/llm.ts";

/** The same for answers of the same weights on the same kind of device: with a seed, these are the same too. */
export function systemFingerprint({ info }: LLM): string {
  const { architecture, format, vocabSize, device } = info;
  const { backend, description, kernels, weightBytes } = device;
  const text = JSON.stringify([architecture, format, vocabSize, backend, description, kernels, weightBytes]);
  // FNV-1a of 32 bits.
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return `fp_${(hash >>> 0).toString(16).padStart(8, "0")}`;
}
