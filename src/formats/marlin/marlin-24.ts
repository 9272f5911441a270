import { RequestError } from "../../util/errors.ts";
import { quote } from "../../util/quote.ts";
import { requirePiece } from "../tensor-checks.ts";
import type { Pieces, TensorHead, WeightFormat } from "../weight-format.ts";
import { decodeSparse24, describeSparse24, type Sparse24Tensors } from "./sparse-24.ts";

const mark = ".B_24";

/** Marlin 2:4, of 4 and 8 bits, as checkpoints that say they are GPTQ have it: its tensors are nothing else's. */
export const marlin24: WeightFormat<Readonly<Record<never, never>>> = {
  name: "marlin-24",
  title: "Marlin 2:4",
  markedModule: (tensor) => (tensor.endsWith(mark) ? tensor.slice(0, -mark.length) : undefined),
  pieceNames: (module) => [`${module}.B_24`, `${module}.B_meta`, `${module}.s`],
  isBookkeeping: (tensor) => tensor.endsWith(".workspace"), // a kernel's locks

  recognise({ tensors, label }, { checkpointFormat }) {
    if (![...tensors.keys()].some((name) => name.endsWith(mark))) return undefined;
    if (checkpointFormat === undefined || checkpointFormat === "marlin_24") return {};
    throw new RequestError(
      `${label}: holds Marlin 2:4 tensors, which have no variants; ask for no checkpoint format, not ${quote(checkpointFormat)}`,
    );
  },

  describe: (module, pieces) => describeSparse24(module, tensorsOf(module, pieces)),
  decode: (module, pieces) => decodeSparse24(module, tensorsOf(module, pieces), (groups) => groups > 1),
};

function tensorsOf<Tensor extends TensorHead>(module: string, pieces: Pieces<Tensor>): Sparse24Tensors<Tensor> {
  return {
    codes: requirePiece(module, "B_24", pieces, "Marlin 2:4"),
    positions: requirePiece(module, "B_meta", pieces, "Marlin 2:4"),
    scales: requirePiece(module, "s", pieces, "Marlin 2:4"),
  };
}
