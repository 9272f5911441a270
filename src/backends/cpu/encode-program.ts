import type { CacheType } from "../../device/backend.ts";
import type { Activation, Glu, Op, Program, View } from "../../device/program.ts";
import type { StepLimits } from "../../device/step.ts";
import type { FloatType } from "../../weights/packed-weight.ts";

/** FB_F32, FB_F16, FB_BF16 of native/cpu/fewbit_cpu.h. */
export const floatTypeCodes: Readonly<Record<FloatType, number>> = { f32: 0, f16: 1, bf16: 2 };

/** FB_OP_* of native/cpu/fewbit_cpu.h. */
const opCodes: Readonly<Partial<Record<Op["op"], number>>> = {
  embed: 0,
  "rms-norm": 1,
  linear: 2,
  glu: 3,
  "rope-write": 4,
  attention: 5,
  gather: 6,
  sample: 7,
};

/** FB_ACTIVATION_* of native/cpu/fewbit_cpu.h; 0 stands for none. */
const activationCodes: Readonly<Partial<Record<Activation, number>>> = { silu: 1 };

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

/** What the library cannot do yet of what a program can say; undefined: it runs the program. */
export function refusesProgram({ ops }: Program): string | undefined {
  for (const op of ops) {
    const where = `the cpu backend has no ${op.op} op`;
    if (opCodes[op.op] === undefined) return where;
    if ((op.op === "embed" || op.op === "linear") && op.scale !== undefined) return `${where} with a scale`;
    const glu = op.op === "linear" ? op.glu : op.op === "glu" ? op.activation : undefined;
    if (glu !== undefined && gluCode(glu) === undefined) return `${where} with this activation`;
    if (op.op === "rope-write" && op.rope === undefined) return `${where} without positions`;
    if (op.op === "attention" && (op.softCap !== undefined || op.sinks !== undefined))
      return `${where} with soft-caps or sinks`;
  }
  return undefined;
}

function gluCode(glu: Glu): number | undefined {
  return typeof glu === "string" ? activationCodes[glu] : undefined;
}

/** Writes a checked program in the form that fb_executable_open reads; the layout is in native/cpu/fewbit_cpu.h. */
export function encodeProgram(
  program: Program,
  vectors: readonly Float32Array[],
  limits: StepLimits,
  cacheType: CacheType,
): EncodedProgram {
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
  const records = ops.flatMap((op) => [...encodeOp(op, program)]);

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
    floatTypeCodes[cacheType],
    floats.length,
  ];
  return { words: Int32Array.from([...header, ...body, ...records]), floats: Float32Array.from(floats) };
}

/** A gated linear whose half is no whole number of tiles becomes a plain one, into a buffer of its own, and a gate. */
function splitRaggedGates(program: Program): Pick<Program, "ops" | "buffers"> {
  const buffers = [...program.buffers];
  const ops = program.ops.flatMap((op): EncodableOp[] => {
    if (op.op !== "linear" || op.glu === undefined || op.out.width % tileOutputs === 0) return [op];
    const half = op.out.width;
    const buffer = buffers.push({ name: "ragged-gate", rows: buffers[op.input.buffer].rows, width: 2 * half }) - 1;
    const { glu: activation, residual, out, ...plain } = op;
    return [
      { ...plain, out: { buffer, offset: 0, width: 2 * half } },
      {
        op: "glu",
        activation,
        gate: { buffer, offset: 0, width: half },
        up: { buffer, offset: half, width: half },
        ...(residual && { residual }),
        out,
      },
    ];
  });
  return { ops, buffers };
}

/** The library's gate can add a residual, which programs have no need to say. */
type EncodableOp = Op & { readonly residual?: View };

function encodeOp(op: EncodableOp, program: Program): Int32Array {
  const record = new Int32Array(opWords);
  record[0] = opCodes[op.op] ?? -1;
  const setView = (index: number, view: View = noView) =>
    record.set([view.buffer, view.offset, view.width], 1 + 3 * index);
  const setIds = (weight = -1, vector = -1, cache = -1, rope = -1) => record.set([weight, vector, cache, rope], 13);
  const setNumbers = (number: number, value: number) => {
    record[17] = number;
    new Float32Array(record.buffer)[18] = value;
  };
  const [a, b, c, out] = [0, 1, 2, 3];
  for (const index of [a, b, c, out]) setView(index);
  setIds();

  switch (op.op) {
    case "embed":
      setView(out, op.out);
      setIds(op.table);
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
      setNumbers(op.glu === undefined ? 0 : (gluCode(op.glu) ?? 0), 0);
      break;
    case "glu":
      setView(a, op.gate);
      setView(b, op.up);
      setView(c, op.residual);
      setView(out, op.out);
      setNumbers(gluCode(op.activation) ?? 0, 0);
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
      setIds(-1, -1, op.cache);
      setNumbers(program.pageKinds[program.caches[op.cache].pageKind].window ?? 0, op.scale);
      break;
    case "gather":
      setView(a, op.input);
      setView(out, op.out);
      break;
    case "sample":
      setView(a, op.logits);
      break;
    default:
      throw new TypeError(`${op.op} was refused before`);
  }
  return record;
}
