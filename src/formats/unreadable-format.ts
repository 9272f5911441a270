import { UnsupportedError } from "../util/errors.ts";
import { findPackedMark } from "./packed-marks.ts";
import type { Evidence, RecognisedFormat } from "./weight-format.ts";

/**
 * Stands in for a format that cannot be read, where a look at the tensors is all that is wanted: it marks no module, so that
 * every tensor is one by itself. Named by what the checkpoint declares, else by what its tensors show.
 */
export function unreadableFormat(evidence: Evidence): RecognisedFormat {
  const { declared } = evidence;
  const method = declared?.quant_method ?? declared?.method;
  const name = typeof method === "string" ? method : (findPackedMark(evidence)?.format ?? "unknown");
  const refuse = (module: string): never => {
    throw new UnsupportedError(`${module}: nothing reads the format ${name}`);
  };
  return {
    name,
    markedModule: () => undefined,
    pieceNames: () => [],
    isReadFirst: () => false,
    isBookkeeping: () => false,
    notes: [],
    describe: refuse,
    decode: refuse,
  };
}
