import type { Glu, Op, Program, View } from "../device/program.ts";
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
      return `embed ${weight(op.table)}${times(op.scale)} -> ${view(op.out)}`;
    case "rms-norm":
      return `rms-norm ${view(op.input)} by ${vector(op.weight)} per ${op.groupWidth} -> ${view(op.out)}`;
    case "layer-norm":
      return `layer-norm ${view(op.input)} by ${vector(op.weight)}, ${vector(op.bias)} -> ${view(op.out)}`;
    case "linear": {
      const bias = op.bias === undefined ? "" : " + bias";
      const residual = op.residual === undefined ? "" : ` + ${view(op.residual)}`;
      return `linear ${view(op.input)} by ${weight(op.weight)}${bias}${times(op.scale)}${gated(op.glu)}${residual} -> ${view(op.out)}`;
    }
    case "glu":
      return `glu ${gluName(op.activation)}(${view(op.gate)}) * ${view(op.up)} -> ${view(op.out)}`;
    case "activate":
      return `${op.activation} ${view(op.input)} -> ${view(op.out)}`;
    case "soft-cap":
      return `soft-cap ${view(op.input)} at ${op.cap} -> ${view(op.out)}`;
    case "add":
      return `add ${view(op.input)}${op.gate ? ` gated by ${view(op.gate)}` : ""} + ${view(op.residual)} -> ${view(op.out)}`;
    case "regroup":
      return `regroup ${view(op.input)}, ${op.parts} parts by ${op.groupWidth} -> ${view(op.out)}`;
    case "route":
      return `route ${view(op.logits)}, ${op.weighting} -> ${view(op.out)}`;
    case "expert-linear": {
      const bias = op.biases === undefined ? "" : " + bias";
      const [first] = op.weights;
      const experts = `${op.weights.length} experts like ${weight(first)}`;
      return `expert-linear ${view(op.input)} for ${view(op.routes)} by ${experts}${bias}${gated(op.glu)} -> ${view(op.out)}`;
    }
    case "expert-sum": {
      const residual = op.residual === undefined ? "" : ` + ${view(op.residual)}`;
      return `expert-sum ${view(op.input)} by ${view(op.routes)}${residual} -> ${view(op.out)}`;
    }
    case "rope-write": {
      const rope = op.rope === undefined ? "" : ` by rope ${op.rope}`;
      return `rope-write ${view(op.q)}, ${view(op.k)}, ${view(op.v)}${rope} -> cache ${op.cache}`;
    }
    case "attention": {
      const cap = op.softCap === undefined ? "" : `, scores capped at ${op.softCap}`;
      const sinks = op.sinks === undefined ? "" : `, ${vector(op.sinks)}`;
      return `attention ${view(op.q)} over cache ${op.cache}${cap}${sinks} -> ${view(op.out)}`;
    }
    case "gather":
      return `gather ${view(op.input)} -> ${view(op.out)}`;
    case "sample":
      return `sample ${view(op.logits)}`;
  }
}

function gated(glu: Glu | undefined): string {
  return glu === undefined ? "" : `, ${gluName(glu)} glu`;
}

function gluName(glu: Glu): string {
  return typeof glu === "string" ? glu : `swiglu clamped at ${glu.clampedAt}`;
}

function times(scale: number | undefined): string {
  return scale === undefined ? "" : ` * ${scale}`;
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
