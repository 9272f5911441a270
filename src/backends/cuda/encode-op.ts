import type { FloatCacheType } from "../../device/backend.ts";
import type { Activation, BufferRows, Glu, Op, Program, View } from "../../device/program.ts";
import { floatTypeCodes } from "./weight-image.ts";
import { plainKernels } from "./linear-kernels.ts";
import type { CudaWeight } from "./cuda-weight.node.ts";
import { RecordWriter, type DevicePointer, type DeviceView } from "./record-writer.ts";

type Grid = readonly [x: number, y: number, z: number];

/** A kernel's launch in terms of the rows of a step. */
export interface KernelLaunch {
  readonly kernel: string;
  /** The structure of native/cuda/params.h that it takes. */
  readonly parameters: Uint8Array;
  readonly grid: Grid | ((rows: number) => Grid);
  readonly threads: number;
  readonly sharedBytes?: number;
}

/** With what its rows are. */
export interface OpLaunch extends KernelLaunch {
  readonly rows: BufferRows;
}

/** Where all that a program refers to lies in the device's memory. */
export interface ProgramPlaces {
  readonly program: Program;
  readonly cacheType: FloatCacheType;
  readonly step: DevicePointer;
  readonly lastSamples: DevicePointer;
  /** For sampling: [sampleBlocks][vocabSize] f32. */
  readonly adjusted: DevicePointer;
  readonly weights: readonly CudaWeight[];
  readonly vectors: readonly DevicePointer[];
  /** Per rope: per variant its scale and its inverse frequencies. */
  readonly ropes: readonly DevicePointer[];
  readonly caches: readonly DevicePointer[];
  view(view: View): DeviceView;
  /** Rows that the buffers of a kind have. */
  readonly mostRows: Readonly<Record<BufferRows, number>>;
  /** Puts values where they stay as long as the program. */
  keep(values: BigUint64Array): DevicePointer;
}

/** Activation of params.h. */
const activationCodes: Readonly<Record<Activation, number>> = { silu: 1, gelu: 2, "gelu-tanh": 3 };
const clampedSwigluCode = 4;

/** StepField of params.h that counts rows. */
export const rowsFields: Readonly<Record<BufferRows, number>> = { tokens: 0, outputs: 2 };

const elementThreads = 256;
const normThreads = 256;
const linearThreads = 256;
const warp = 32;
const linearOutputs = linearThreads / warp;
const linearRows = 8;
const ropeThreads = 64;
/** Of a step: as many as run at the same time; and of a token, however many there are. */
const ropeBlocks = 4096;
const leastRopeBlocks = 4;
const attentionThreads = 128;
const sampleThreads = 1024;

/** Rows that are sampled at a time: each has a copy of its logits. */
export const sampleBlocks = 128;

/** An RMS norm of fewer columns is a warp's work. */
const leastRowWidth = 513;

/** The launch of an op that is exact and takes whatever the op may be. */
export function encodeOp(op: Op, places: ProgramPlaces): OpLaunch {
  const { program, step } = places;
  const rowsOf = ({ buffer }: View): BufferRows => program.buffers[buffer].rows;
  const vector = (id: number | undefined): DevicePointer => (id === undefined ? 0n : places.vectors[id]);
  const optional = (view: View | undefined): DeviceView | undefined => view && places.view(view);

  const elements = (
    kernel: string,
    [a, b, c]: readonly (View | undefined)[],
    out: View,
    kind = 0,
    number = 0,
    groupWidth = 0,
  ): OpLaunch => ({
    kernel,
    parameters: new RecordWriter(96)
      .pointer(step)
      .view(optional(a))
      .view(optional(b))
      .view(optional(c))
      .view(places.view(out))
      .int(rowsFields[rowsOf(out)], out.width, kind, groupWidth)
      .float(number)
      .int(0)
      .bytes(),
    rows: rowsOf(out),
    grid: (rows) => [Math.ceil(out.width / elementThreads), rows, 1],
    threads: elementThreads,
  });

  const norm = (
    input: View,
    out: View,
    weight: number,
    bias: number | undefined,
    groupWidth: number,
    eps: number,
  ): OpLaunch => {
    const byRow = bias !== undefined || (groupWidth === input.width && groupWidth >= leastRowWidth);
    const groups = input.width / groupWidth;
    return {
      kernel: bias !== undefined ? "layer_norm" : byRow ? "rms_norm_rows" : "rms_norm_groups",
      parameters: new RecordWriter(72)
        .pointer(step)
        .pointer(vector(weight))
        .pointer(vector(bias))
        .view(places.view(input))
        .view(places.view(out))
        .int(rowsFields[rowsOf(out)], input.width, groupWidth)
        .float(eps)
        .bytes(),
      rows: rowsOf(out),
      grid: (rows) => [byRow ? 1 : Math.ceil(groups / (normThreads / warp)), rows, 1],
      threads: normThreads,
    };
  };

  switch (op.op) {
    case "embed": {
      const table = places.weights[op.table];
      return {
        kernel: plainKernels(table.shape.scheme).embed,
        parameters: new RecordWriter(48)
          .pointer(step)
          .pointer(table.descriptor)
          .pointer(places.lastSamples)
          .view(places.view(op.out))
          .int(op.out.width)
          .float(op.scale ?? 1)
          .bytes(),
        rows: "tokens",
        grid: (rows) => [Math.ceil(op.out.width / linearThreads), rows, 1],
        threads: linearThreads,
      };
    }
    case "rms-norm":
      return norm(op.input, op.out, op.weight, undefined, op.groupWidth, op.eps);
    case "layer-norm":
      return norm(op.input, op.out, op.weight, op.bias, op.input.width, op.eps);
    case "linear": {
      const weight = places.weights[op.weight];
      return {
        kernel: plainKernels(weight.shape.scheme).linear,
        parameters: new RecordWriter(96)
          .pointer(step)
          .pointer(weight.descriptor)
          .pointer(vector(op.bias))
          .view(places.view(op.input))
          .view(optional(op.residual))
          .view(places.view(op.out))
          .int(rowsFields[rowsOf(op.out)], op.input.width, op.out.width, gluCode(op.glu))
          .float(gluLimit(op.glu))
          .float(op.scale ?? 1)
          .bytes(),
        rows: rowsOf(op.out),
        grid: (rows) => [Math.ceil(op.out.width / linearOutputs), Math.ceil(rows / linearRows), 1],
        threads: linearThreads,
      };
    }
    case "glu":
      return elements("glu", [op.gate, op.up], op.out, gluCode(op.activation), gluLimit(op.activation));
    case "activate":
      return elements("activate", [op.input], op.out, activationCodes[op.activation]);
    case "soft-cap":
      return elements("soft_cap", [op.input], op.out, 0, op.cap);
    case "add":
      return elements("add", [op.input, op.gate, op.residual], op.out);
    case "regroup":
      return elements("regroup", [op.input], op.out, op.parts, 0, op.groupWidth);
    case "gather":
      return elements("gather", [op.input], op.out);
    case "expert-sum":
      return elements("expert_sum", [op.input, op.routes, op.residual], op.out, op.routes.width / 2);
    case "route":
      return {
        kernel: "route",
        parameters: new RecordWriter(56)
          .pointer(step)
          .view(places.view(op.logits))
          .view(places.view(op.out))
          .int(rowsFields[rowsOf(op.out)], op.logits.width, op.out.width / 2, op.weighting === "normalized" ? 1 : 0)
          .bytes(),
        rows: rowsOf(op.out),
        grid: (rows) => [1, rows, 1],
        threads: warp,
      };
    case "expert-linear": {
      const choices = op.routes.width / 2;
      const width = op.out.width / choices;
      const weights = op.weights.map((id) => places.weights[id]);
      const { inFeatures, scheme } = weights[0].shape;
      const biases = op.biases && places.keep(BigUint64Array.from(op.biases, vector));
      return {
        kernel: plainKernels(scheme).expertLinear,
        parameters: new RecordWriter(104)
          .pointer(step)
          .pointer(places.keep(BigUint64Array.from(weights, ({ descriptor }) => descriptor)))
          .pointer(biases)
          .view(places.view(op.input))
          .view(places.view(op.routes))
          .view(places.view(op.out))
          .int(rowsFields[rowsOf(op.out)], inFeatures, width, choices, weights.length)
          .int(op.input.width === inFeatures ? 0 : 1, gluCode(op.glu))
          .float(gluLimit(op.glu))
          .bytes(),
        rows: rowsOf(op.out),
        grid: (rows) => [rows * choices, Math.ceil(width / linearOutputs), 1],
        threads: linearThreads,
      };
    }
    case "rope-write": {
      const cache = program.caches[op.cache];
      const rope = op.rope === undefined ? undefined : program.ropes[op.rope];
      const heads = op.q.width / cache.headDim;
      return {
        kernel: "rope_write",
        parameters: new RecordWriter(104)
          .pointer(step)
          .pointer(op.rope === undefined ? 0n : places.ropes[op.rope])
          .pointer(places.caches[op.cache])
          .view(places.view(op.q))
          .view(places.view(op.k))
          .view(places.view(op.v))
          .int(heads, cache.kvHeads, cache.headDim, rope?.rotaryDim ?? 0, rope?.variants.length ?? 1)
          .int(cache.pageKind, floatTypeCodes[places.cacheType], 0)
          .bytes(),
        rows: "tokens",
        grid: (rows) => {
          const units = heads + 2 * cache.kvHeads;
          return [Math.min(units, Math.max(leastRopeBlocks, Math.ceil(ropeBlocks / rows))), rows, 1];
        },
        threads: ropeThreads,
      };
    }
    case "attention": {
      const cache = program.caches[op.cache];
      const heads = op.q.width / cache.headDim;
      return {
        kernel: "attention_plain",
        parameters: new RecordWriter(88)
          .pointer(step)
          .pointer(vector(op.sinks))
          .pointer(places.caches[op.cache])
          .view(places.view(op.q))
          .view(places.view(op.out))
          .int(heads, cache.kvHeads, cache.headDim, program.pageKinds[cache.pageKind].window ?? 0)
          .int(cache.pageKind, floatTypeCodes[places.cacheType])
          .float(op.scale)
          .float(op.softCap ?? 0)
          .bytes(),
        rows: "tokens",
        grid: (rows) => [heads, rows, 1],
        threads: attentionThreads,
        sharedBytes: 4 * (1 + attentionThreads / warp) * cache.headDim,
      };
    }
    case "sample": {
      const { base, stride } = places.view(op.logits);
      return {
        kernel: "sample",
        parameters: new RecordWriter(40)
          .pointer(step)
          .pointer(base)
          .pointer(places.adjusted)
          .pointer(places.lastSamples)
          .int(stride, op.logits.width)
          .bytes(),
        rows: "outputs",
        grid: (rows) => [Math.min(rows, sampleBlocks), 1, 1],
        threads: sampleThreads,
      };
    }
  }
}

/** 0 stands for none. */
export function gluCode(glu: Glu | undefined): number {
  if (glu === undefined) return 0;
  return typeof glu === "string" ? activationCodes[glu] : clampedSwigluCode;
}

export function gluLimit(glu: Glu | undefined): number {
  return typeof glu === "object" ? glu.clampedAt : 0;
}
