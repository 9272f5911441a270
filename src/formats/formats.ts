import { UnsupportedError } from "../util/errors.ts";
import { quote } from "../util/quote.ts";
import { dense } from "./dense/dense.ts";
import { gptq } from "./gptq/gptq.ts";
import { findPackedMark } from "./packed-marks.ts";
import {
  withConfig,
  type Evidence,
  type FormatOverrides,
  type RecognisedFormat,
  type WeightFormat,
} from "./weight-format.ts";

type Recogniser = (evidence: Evidence, overrides: FormatOverrides) => RecognisedFormat | undefined;

function recogniser<Config>(format: WeightFormat<Config>): Recogniser {
  return (evidence, overrides) => {
    const config = format.recognise(evidence, overrides);
    return config === undefined ? undefined : withConfig(format, config);
  };
}

/** Asked in this order; the first that recognises a checkpoint reads it. */
const recognisers: readonly Recogniser[] = [recogniser(gptq), recogniser(dense)];

/** Reads the modules that a checkpoint's own format did not pack. */
export const unpackedModules: RecognisedFormat = withConfig(dense, {});

/**
 * The format of a checkpoint's packed modules; dense when nothing is packed. Throws UnsupportedError when the config
 * declares, or the tensors show, a format that cannot be read: never a guess.
 */
export function recogniseFormat(evidence: Evidence, overrides: FormatOverrides = {}): RecognisedFormat {
  for (const recognise of recognisers) {
    const found = recognise(evidence, overrides);
    if (found) return found;
  }
  const { declared, label } = evidence;
  const readable = "GPTQ and unquantized checkpoints can be read";
  const method = declared?.quant_method ?? declared?.method;
  if (typeof method === "string") {
    throw new UnsupportedError(`${label}: declares the quantization method ${quote(method)}; ${readable}`);
  }
  const mark = findPackedMark(evidence);
  if (mark) throw new UnsupportedError(`${label}: tensor ${quote(mark.tensor)} belongs to ${mark.format}; ${readable}`);
  throw new UnsupportedError(`${label}: declares a quantization without naming its method; ${readable}`);
}
