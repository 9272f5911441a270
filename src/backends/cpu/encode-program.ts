import type { CacheType } from "../../device/backend.ts";
import { opCountOf, type Activation, type Glu, type Op, type Program, type View } from "../../device/program.ts";
import type { StepLimits } from "../../device/step.ts";
import type { FloatType } from "../../weights/packed-weight.ts";

/** FB_F32, FB_F16, FB_BF16 of native/cpu/fewbit_cpu.h. */
export const floatTypeCodes: Readonly<Record<FloatType, number>> = { f32: 0, f16: 1, bf16: 2 };

/** FB_F32, FB_F16 and FB_INT8 of native/cpu/fewbit_cpu.h. */
const cacheTypeCodes: Readonly<Record<CacheType, number>> = {
  f32: floatTypeCodes.f32,
  f16: floatTypeCodes.f16,
  int8: 3,
};

/** FB_OP_* of native/cpu/fewbit_cpu.h. */
const opCodes: Readonly<Record<Op["op"], number>> = {
  embed: 0,
  "rms-norm": 1,
  linear: 2,
  glu: 3,
  "rope-write": 4,
  attention: 5,
  gather: 6,
  sample: 7,
  "layer-norm": 8,
  activate: 9,
  "soft-cap": 10,
  add: 11,
  regroup: 12,
  route: 13,
  "expert-linear": 14,
  "expert-sum": 15,
};

/** FB_ACTIVATION_* of native/cpu/fewbit_cpu.h; 0 stands for none. */
const activationCodes: Readonly<Record<Activation, number>> = { silu: 1, gelu: 2, "gelu-tanh": 3 };
const clampedSwigluCode = 4;

const opWords = 24;
/** Outputs of a tile: a gated linear pairs a tile of gates with a tile of ups. */
const tileOutputs = 16;
const noView: View = { buffer: -1, offset: 0, width: 0 };

export interface EncodedProgram {
  /** fb_program_header and what follows it. */
  readonly words: Int32Array;
  /** Vectors and rope tables. */
  readonly floats: Float32Array;
}

/** Writes a checked program in the form that fb_executable_open reads; the layout is in native/cpu/fewbit_cpu.h. */
export function encodeProgram(
  program: Program,
  vectors: readonly Float32Array[],
  limits: StepLimits,
  cacheType: CacheType,
): EncodedProgram {
  const { hidden } = program;
  const { ops, buffers } = splitRaggedGates(program);
  const floats: number[] = [];
  const place = (values: Iterable<number>): number => {
    const start = floats.length;
    for (const value of values) floats.push(value);
    return start;
  };

  const body: number[] = [];
  for (const { rows, width } of buffers) body.push(rows === "tokens" ? 0 : 1, width);
  for (const vector of vectors) body.push(place(vector));
  for (const { rotaryDim, variants } of program.ropes) {
    const starts = variants.map(({ scale, inverseFrequencies }) => place([scale, ...inverseFrequencies]));
    body.push(rotaryDim, variants.length, starts[0]);
  }
  body.push(...limits.pageCounts);
  for (const { pageKind, kvHeads, headDim } of program.caches) body.push(pageKind, kvHeads, headDim);
  const ids: number[] = [];
  const records = ops.flatMap((op) => [...encodeOp(op, program, ids)]);

  const header = [
    ops.length,
    buffers.length,
    program.weights.length,
    program.vectors.length,
    program.ropes.length,
    program.pageKinds.length,
    program.caches.length,
    program.vocabSize,
    limits.maxTokens,
    limits.maxSequences,
    limits.maxOutputs,
    cacheTypeCodes[cacheType],
    floats.length,
    ids.length,
    hidden?.buffer ?? -1,
    opCountOf({ ops, ...(hidden && { hidden }) }, false),
  ];
  return { words: Int32Array.from([...header, ...body, ...ids, ...records]), floats: Float32Array.from(floats) };
}

/**
 * A gated linear whose half is no whole number of tiles becomes a plain one, into a buffer of its own, and a gate. Of experts the halves
 * alternate then, and are regrouped first.
 */
function splitRaggedGates(program: Program): Pick<Program, "ops" | "buffers"> {
  const buffers = [...program.buffers];
  const ops = program.ops.flatMap((op): EncodableOp[] => {
    if ((op.op !== "linear" && op.op !== "expert-linear") || op.glu === undefined) return [op];
    const choices = op.op === "linear" ? 1 : op.routes.width / 2;
    if ((op.out.width / choices) % tileOutputs === 0) return [op];
    const { glu: activation, out, ...plain } = op;
    const { rows } = buffers[op.input.buffer];
    const width = 2 * out.width;
    const wide = (name: string): View => ({ buffer: buffers.push({ name, rows, width }) - 1, offset: 0, width });
    const both = wide("ragged-gate");
    const gateOf = (halves: View, residual?: View): EncodableOp => ({
      op: "glu",
      activation,
      gate: { ...halves, width: out.width },
      up: { ...halves, offset: out.width, width: out.width },
      ...(residual && { residual }),
      out,
    });
    if (plain.op === "linear") {
      const { residual, ...alone } = plain;
      return [{ ...alone, out: both }, gateOf(both, residual)];
    }
    const halves = wide("ragged-halves");
    const groupWidth = out.width / choices;
    return [{ ...plain, out: both }, { op: "regroup", input: both, parts: 2, groupWidth, out: halves }, gateOf(halves)];
  });
  return { ops, buffers };
}

/** The library's gate can add a residual, which programs have no need to say. */
type EncodableOp = Op & { readonly residual?: View };

/** `ids` grows by the lists that the op refers to. */
function encodeOp(op: EncodableOp, program: Program, ids: number[]): Int32Array {
  const record = new Int32Array(opWords);
  const values = new Float32Array(record.buffer);
  record[0] = opCodes[op.op];
  const setView = (index: number, view: View = noView) =>
    record.set([view.buffer, view.offset, view.width], 1 + 3 * index);
  const setIds = (weight = -1, vector = -1, cache = -1, rope = -1) => record.set([weight, vector, cache, rope], 13);
  const setNumbers = (number: number, value: number) => {
    record[17] = number;
    values[18] = value;
  };
  const setFactor = (factor = 1) => (values[19] = factor);
  const setList = (list: number, count = 0) => record.set([list, count], 20);
  const [a, b, c, out] = [0, 1, 2, 3];
  for (const index of [a, b, c, out]) setView(index);
  setIds();

  switch (op.op) {
    case "embed":
      setView(out, op.out);
      setIds(op.table);
      setFactor(op.scale);
      break;
    case "rms-norm":
      setView(a, op.input);
      setView(out, op.out);
      setIds(-1, op.weight);
      setNumbers(op.groupWidth, op.eps);
      break;
    case "linear":
      setView(a, op.input);
      setView(b, op.residual);
      setView(out, op.out);
      setIds(op.weight, op.bias);
      setNumbers(gluCode(op.glu), gluLimit(op.glu));
      setFactor(op.scale);
      break;
    case "glu":
      setView(a, op.gate);
      setView(b, op.up);
      setView(c, op.residual);
      setView(out, op.out);
      setNumbers(gluCode(op.activation), gluLimit(op.activation));
      break;
    case "rope-write":
      setView(a, op.q);
      setView(b, op.k);
      setView(c, op.v);
      setIds(-1, -1, op.cache, op.rope);
      break;
    case "attention":
      setView(a, op.q);
      setView(out, op.out);
      setIds(-1, op.sinks, op.cache);
      setNumbers(program.pageKinds[program.caches[op.cache].pageKind].window ?? 0, op.scale);
      setFactor(op.softCap ?? 0);
      break;
    case "gather":
      setView(a, op.input);
      setView(out, op.out);
      break;
    case "sample":
      setView(a, op.logits);
      break;
    case "layer-norm":
      setView(a, op.input);
      setView(out, op.out);
      setIds(-1, op.weight);
      setNumbers(0, op.eps);
      setList(op.bias);
      break;
    case "activate":
      setView(a, op.input);
      setView(out, op.out);
      setNumbers(activationCodes[op.activation], 0);
      break;
    case "soft-cap":
      setView(a, op.input);
      setView(out, op.out);
      setNumbers(0, op.cap);
      break;
    case "add":
      setView(a, op.input);
      setView(b, op.gate);
      setView(c, op.residual);
      setView(out, op.out);
      break;
    case "regroup":
      setView(a, op.input);
      setView(out, op.out);
      setNumbers(op.parts, 0);
      setList(0, op.groupWidth);
      break;
    case "route":
      setView(a, op.logits);
      setView(out, op.out);
      setNumbers(op.weighting === "normalized" ? 1 : 0, 0);
      break;
    case "expert-linear":
      setView(a, op.input);
      setView(b, op.routes);
      setView(out, op.out);
      setNumbers(gluCode(op.glu), gluLimit(op.glu));
      setFactor();
      setList(ids.length, op.weights.length);
      ids.push(...op.weights, ...op.weights.map((_, expert) => op.biases?.[expert] ?? -1));
      break;
    case "expert-sum":
      setView(a, op.input);
      setView(b, op.routes);
      setView(c, op.residual);
      setView(out, op.out);
      break;
    default:
      op satisfies never;
  }
  return record;
}

/** 0 stands for none. */
function gluCode(glu: Glu | undefined): number {
  if (glu === undefined) return 0;
  return typeof glu === "string" ? activationCodes[glu] : clampedSwigluCode;
}

function gluLimit(glu: Glu | undefined): number {
  return typeof glu === "object" ? glu.clampedAt : 0;
}
