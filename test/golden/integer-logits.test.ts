import { expect } from "vitest";
import { describeLogits } from "./describe-logits.ts";
import { goldenModel } from "./golden-model.ts";

/** Checkpoints of integer formats from their files to logits and greedy tokens, against float32 on the dequantized weights (fixtures/README.md). */

/**
 * With 8-bit activations: the largest normalised error of the prompt's logits, a quarter above what was found when it was written down
 * (the same to five digits with every instruction set). Two layers have twice the error of one; groups of 32 have half that of 128.
 */
const int8Errors: Readonly<Record<string, number>> = {
  // These lie in the repository.
  "gptq-3b-g128-asym": 8.3e-4,
  "gptq-4b-g128-asym-actorder": 1.3e-3,
  "gptq-4b-g128-sym-lmhead": 8.0e-4,
  "gptq-mislabelled-v2data-says-gptq-4b-g128-sym": 6.8e-4,
  "gptqv2-2b-g64-asym": 6.4e-4,
  // And these in the larger set.
  "gptq-2b-g64-asym": 6.4e-4,
  "gptq-4b-g128-asym-dynamic": 1.3e-3,
  "gptq-4b-g128-sym": 1.4e-3,
  "gptq-4b-g256-sym-ragged": 6.7e-4,
  "gptq-4b-g32-sym-actorder": 3.8e-4,
  "gptq-8b-gm1-sym": 6.6e-4,
  "gptq-mislabelled-v1data-says-v2-4b-g128-sym": 6.8e-4,
  "gptqv2-3b-g128-sym": 6.2e-4,
  "gptqv2-4b-g128-asym": 6.7e-4,
  "qwen2-gptq-4b-g128-sym": 6.1e-4,
  "gptqp-3b-g64-asym": 5.4e-4,
  "awq-gemm-g128": 7.6e-4,
  "awq-gemm-g128-gptqmodel": 6.1e-4,
  "awq-gemm-g64": 4.6e-4,
  "marlin-g128": 6.6e-4,
  "marlin-gm1": 6.3e-4,
  "exl2-3.0-h6": 1e-3,
  "exl2-4.25-h6": 1e-3,
  "ct-marlin24-w4-g128": 6.4e-4,
  "ct-w4a16-g128-asym": 6.0e-4,
  "ct-w4a16-g128-sym": 6.9e-4,
  "ct-w8a16-channel": 7.5e-4,
  "ct-w8a8-int-channel": 7.5e-4,
};

const warn = (message: string): void => expect(message).toContain("declares checkpoint format");
await describeLogits(
  int8Errors,
  (name) => goldenModel("models", name),
  (name) => (name.includes("mislabelled") ? { warn } : {}),
);
