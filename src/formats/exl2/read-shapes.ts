import { FormatError } from "../../util/errors.ts";
import { quote } from "../../util/quote.ts";
import { requirePiece, requireTensor, shapeText, wordTypes } from "../tensor-checks.ts";
import type { Pieces, TensorHead } from "../weight-format.ts";

/** Its tensors say everything but how many of the stored outputs are padding: other tensors of the checkpoint may tell. */
export interface Exl2Config {
  readonly tensors: ReadonlyMap<string, TensorHead>;
}

/** The tensors of a packed module X, by what follows "X.q_" in their names. */
export interface Exl2Tensors<Tensor extends TensorHead> {
  readonly weight: Tensor;
  readonly groups: Tensor;
  readonly scale: Tensor;
  readonly scaleMax: Tensor;
  readonly invperm: Tensor;
  /** The same permutation the other way round, which some tools save too. */
  readonly perm: Tensor | undefined;
}

export interface Exl2Shapes {
  readonly inFeatures: number;
  readonly outFeatures: number;
  /** Outputs as they are stored, in whole words of scales. */
  readonly columns: number;
  /** Rows of words that all groups take. */
  readonly words: number;
  /** Of a code on average, to hundredths. */
  readonly bits: number;
}

const shortTypes: readonly string[] = ["I16", "U16"];

/** Stored outputs are a multiple of this. */
const padding = 32;

export function exl2Tensors<Tensor extends TensorHead>(module: string, pieces: Pieces<Tensor>): Exl2Tensors<Tensor> {
  const piece = (name: string): Tensor => requirePiece(module, name, pieces, "EXL2");
  return {
    weight: piece("q_weight"),
    groups: piece("q_groups"),
    scale: piece("q_scale"),
    scaleMax: piece("q_scale_max"),
    invperm: piece("q_invperm"),
    perm: pieces.get(`${module}.q_perm`),
  };
}

/**
 * Reads a module's sizes off its shapes, and holds them against each other:
 *
 *     q_weight [R, N']   q_groups [2G]   q_scale [G, N' / 8]   q_scale_max [G]   q_invperm [K]   q_perm [K]
 *
 * Throws FormatError for shapes that contradict each other, UnsupportedError for element types.
 */
export function readShapes(
  module: string,
  { weight, groups, scale, scaleMax, invperm, perm }: Exl2Tensors<TensorHead>,
  config: Exl2Config,
): Exl2Shapes {
  requireTensor(module, weight, wordTypes, 2);
  requireTensor(module, groups, shortTypes, 1);
  requireTensor(module, scale, wordTypes, 2);
  requireTensor(module, scaleMax, ["F16"], 1);
  requireTensor(module, invperm, wordTypes, 1);
  if (perm) requireTensor(module, perm, [...wordTypes, ...shortTypes], 1);
  const [words, columns] = weight.shape;
  const [inFeatures] = invperm.shape;
  const [count] = scaleMax.shape;
  const fail = (problem: string): never => {
    const shapes = [weight, groups, scale, scaleMax, invperm].map(shapeText).join(", ");
    throw new FormatError(
      `${quote(module)}: q_weight, q_groups, q_scale, q_scale_max and q_invperm ${shapes}: ${problem}`,
    );
  };
  if (words < 1 || columns < 1 || inFeatures < 1 || count < 1) fail("there is nothing in it");
  if (groups.shape[0] !== 2 * count || scale.shape[0] !== count) fail("the numbers of groups differ");
  if (columns % 8 !== 0 || scale.shape[1] !== columns / 8) fail("a word of q_scale is for 8 columns of q_weight");
  if (perm && perm.shape[0] !== inFeatures) fail(`q_perm ${shapeText(perm)} is of another length`);
  const outFeatures = outputsOf(module, columns, config);
  return { inFeatures, outFeatures, columns, words, bits: Math.round((3200 * words) / inFeatures) / 100 };
}

/** Outputs without padding, where a bias, or the embedding whose rows a head's outputs are, tells how many there are. */
function outputsOf(module: string, columns: number, { tensors }: Exl2Config): number {
  const tell = [`${module}.bias`, ...(/(^|\.)lm_head$/.test(module) ? ["model.embed_tokens.weight"] : [])];
  for (const name of tell) {
    const outputs = tensors.get(name)?.shape[0];
    if (outputs !== undefined && Math.ceil(outputs / padding) * padding === columns) return outputs;
  }
  return columns;
}
