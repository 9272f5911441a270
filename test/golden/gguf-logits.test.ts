import { describeLogits } from "./describe-logits.ts";
import { goldenFile } from "./golden-model.ts";

/** Files of ggml from their bytes to logits and greedy tokens, against float32 on the weights as ggml's C code decodes them. */

/** Of models without quantized weights, whose activations are f32 throughout. */
const f32Error = 1e-11;

/** With 8-bit activations: the largest normalised error of the prompt's logits, a quarter above what was found when it was written down. */
const int8Errors: Readonly<Record<string, number>> = {
  // These lie in the repository.
  "mini-split-Q4_0": 3.1e-4,
  "midi-be-Q4_K_M": 2.9e-4,
  "legacy-ggjt1-Q4_0": 3.4e-4,
  // And these in the larger set.
  "mini-v1-Q4_0": 3.1e-4,
  "mini-v2-Q4_0": 3.1e-4,
  "mini-bf16embd-Q4_0": 3.2e-4,
  "legacy-ggjt3-Q4_0": 3.3e-4,
  "legacy-ggjt3-Q8_0": 3.2e-4,
  "tiny-IQ2_XS": 6.2e-4,
  "tiny-IQ4_XS": 5.9e-4,
  "tiny-Q4_K_M": 5.9e-4,
  "tiny-Q6_K": 7.1e-4,
  "midi-F16": f32Error,
  "midi-BF16": f32Error,
  llama3: f32Error,
  "llama-linear-bf16": f32Error,
  "phi3-bf16": f32Error,
  "phi3-longrope": f32Error,
  qwen2: f32Error,
  qwen3: f32Error,
};

await describeLogits(int8Errors, goldenFile);
