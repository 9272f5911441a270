import { awqEncoder } from "./awq/encode-awq.ts";
import { compressedTensorsEncoder } from "./compressed-tensors/encode-compressed.ts";
import { gptqEncoder } from "./gptq/encode-gptq.ts";
import { marlinEncoder } from "./marlin/encode-marlin.ts";
import type { WeightEncoder } from "./weight-encoder.ts";

/** What checkpoints can be written in, beside plain floats. */
export const encoders: readonly WeightEncoder[] = [
  gptqEncoder("gptq"),
  gptqEncoder("gptq_v2"),
  gptqEncoder("gptq_p"),
  awqEncoder,
  compressedTensorsEncoder,
  marlinEncoder,
];
