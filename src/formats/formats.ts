import { UnsupportedError } from "../util/errors.ts";
import { quote } from "../util/quote.ts";
import { awq } from "./awq/awq.ts";
import { bitsandbytes } from "./bitsandbytes/bitsandbytes.ts";
import { compressedTensorsFormat } from "./compressed-tensors/compressed-tensors.ts";
import { dense } from "./dense/dense.ts";
import { denseStack } from "./dense/dense-stack.ts";
import { exl2 } from "./exl2/exl2.ts";
import { fp8 } from "./fp8/fp8.ts";
import { gptq } from "./gptq/gptq.ts";
import { marlin } from "./marlin/marlin.ts";
import { marlin24 } from "./marlin/marlin-24.ts";
import { modelopt } from "./modelopt/modelopt.ts";
import { mxfp4 } from "./mxfp4/mxfp4.ts";
import { findPackedMark } from "./packed-marks.ts";
import { quark } from "./quark/quark.ts";
import { methodAdvice } from "./unreadable-methods.ts";
import {
  withConfig,
  type Evidence,
  type FormatOverrides,
  type RecognisedFormat,
  type WeightFormat,
} from "./weight-format.ts";

interface KnownFormat {
  readonly title: string;
  recognise(evidence: Evidence, overrides: FormatOverrides): RecognisedFormat | undefined;
}

function known<Config>(format: WeightFormat<Config>): KnownFormat {
  return {
    title: format.title,
    recognise(evidence, overrides) {
      const config = format.recognise(evidence, overrides);
      return config === undefined ? undefined : withConfig(format, config);
    },
  };
}

/** Asked in this order; the first that recognises a checkpoint reads it. */
const formats: readonly KnownFormat[] = [
  known(marlin),
  known(marlin24),
  known(exl2),
  known(gptq),
  known(awq),
  known(compressedTensorsFormat),
  known(fp8),
  known(bitsandbytes),
  known(mxfp4),
  known(modelopt),
  known(quark),
  known(dense),
];

/** What can be read, in the words of messages. */
export const formatTitles: readonly string[] = formats.map(({ title }) => title);

/** Reads the modules that a checkpoint's own format did not pack. */
export const unpackedModules: RecognisedFormat = withConfig(dense, {});

/** Reads experts that no format packed out of a stack. */
export const unpackedExperts: RecognisedFormat = withConfig(denseStack, {});

/**
 * The format of a checkpoint's packed modules; dense when nothing is packed. Throws UnsupportedError when the config
 * declares, or the tensors show, a format that cannot be read: never a guess. RequestError: the recognised format has no
 * variant of the name that the overrides have.
 */
export function recogniseFormat(evidence: Evidence, overrides: FormatOverrides = {}): RecognisedFormat {
  for (const format of formats) {
    const found = format.recognise(evidence, overrides);
    if (found) return found;
  }
  const { declared, label } = evidence;
  const readable = `${formatTitles.slice(0, -1).join(", ")} and ${formatTitles.at(-1)} checkpoints can be read`;
  const method = declared?.quant_method ?? declared?.method;
  if (typeof method === "string") {
    const advice = methodAdvice(method.toLowerCase());
    throw new UnsupportedError(`${label}: declares the quantization method ${quote(method)}${advice}. ${readable}`);
  }
  const mark = findPackedMark(evidence);
  if (mark) throw new UnsupportedError(`${label}: tensor ${quote(mark.tensor)} belongs to ${mark.format}; ${readable}`);
  throw new UnsupportedError(`${label}: declares a quantization without naming its method; ${readable}`);
}
