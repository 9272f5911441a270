import type { Op, Program, View } from "../device/program.ts";
import { describeSummary } from "../weights/packed-weight.ts";

/** A program as lines for people: buffers, page kinds, weights, then one line an op. Equal programs give equal text. */
export function formatProgram(program: Program): string {
  return [
    ...program.buffers.map(({ name, rows, width }) => `buffer ${label(rows, name)} [${rows}][${width}]`),
    ...program.pageKinds.map((kind, id) => {
      const caches = program.caches.filter(({ pageKind }) => pageKind === id).length;
      return `pages ${id}: ${kind.window === undefined ? "full" : `window of ${kind.window}`}, caches: ${caches}`;
    }),
    ...program.ropes.map(
      ({ rotaryDim, variants }, id) => `rope ${id}: ${rotaryDim} elements, variants: ${variants.length}`,
    ),
    ...program.weights.map(
      ({ parts, summaries }, id) => `weight ${id}: ${parts.join(" + ")} (${summaries.map(describeSummary).join("; ")})`,
    ),
    ...program.ops.map((op) => formatOp(program, op)),
  ].join("\n");
}

function formatOp(program: Program, op: Op): string {
  const view = (columns: View): string => formatView(program, columns);
  const weight = (id: number): string => program.weights[id].parts.join(" + ");
  const vector = (id: number): string => program.vectors[id].name;
  switch (op.op) {
    case "embed":
      return `embed ${weight(op.table)} -> ${view(op.out)}`;
    case "rms-norm":
      return `rms-norm ${view(op.input)} by ${vector(op.weight)} per ${op.groupWidth} -> ${view(op.out)}`;
    case "linear": {
      const bias = op.bias === undefined ? "" : " + bias";
      const glu = op.glu === undefined ? "" : `, ${op.glu} glu`;
      const residual = op.residual === undefined ? "" : ` + ${view(op.residual)}`;
      return `linear ${view(op.input)} by ${weight(op.weight)}${bias}${glu}${residual} -> ${view(op.out)}`;
    }
    case "glu":
      return `glu ${op.activation}(${view(op.gate)}) * ${view(op.up)} -> ${view(op.out)}`;
    case "rope-write":
      return `rope-write ${view(op.q)}, ${view(op.k)}, ${view(op.v)} by rope ${op.rope} -> cache ${op.cache}`;
    case "attention":
      return `attention ${view(op.q)} over cache ${op.cache} -> ${view(op.out)}`;
    case "gather":
      return `gather ${view(op.input)} -> ${view(op.out)}`;
    case "sample":
      return `sample ${view(op.logits)}`;
  }
}

/** The buffer, and which of its columns unless it is all. */
function formatView({ buffers }: Program, { buffer, offset, width }: View): string {
  const { name, rows, width: all } = buffers[buffer];
  const columns = offset === 0 && width === all ? "" : `[${offset}..${offset + width}]`;
  return `${label(rows, name)}${columns}`;
}

function label(rows: "tokens" | "outputs", name: string): string {
  return rows === "tokens" ? name : `${rows}.${name}`;
}
