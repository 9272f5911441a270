import { RequestError } from "../util/errors.ts";
import type { ProgramBinding } from "./backend.ts";
import type {
  ActivateOp,
  BufferRows,
  CacheSpec,
  ExpertLinearOp,
  Glu,
  Op,
  Program,
  SoftCapOp,
  View,
} from "./program.ts";
import type { StepLimits } from "./step.ts";

/** Sizes stay below it, so that every index of a row, a column or a page fits an int32 on the device. */
const largestSize = 2 ** 31 - 1;

/**
 * Checks all that a backend relies on before it runs a program: ids in range, views inside their buffers, widths and kinds of rows that
 * agree, no forbidden overlap. What a program computes is not judged. Throws RequestError naming the op and both values.
 */
export function checkProgram(program: Program): void {
  checkSize("vocabSize", program.vocabSize);
  program.buffers.forEach(({ width }, i) => checkSize(`buffers[${i}].width`, width));
  program.vectors.forEach(({ length }, i) => checkSize(`vectors[${i}].length`, length));
  program.weights.forEach((_, i) => checkWeightSpec(program, i));
  program.ropes.forEach((_, i) => checkRope(program, i));
  program.pageKinds.forEach(({ window }, i) => {
    if (window !== undefined) checkSize(`pageKinds[${i}].window`, window);
  });
  program.caches.forEach(({ pageKind, kvHeads, headDim }, i) => {
    checkIndex(`caches[${i}].pageKind`, pageKind, program.pageKinds.length);
    checkSize(`caches[${i}].kvHeads`, kvHeads);
    checkSize(`caches[${i}].headDim`, headDim);
    checkSize(`caches[${i}]: kvHeads * headDim`, kvHeads * headDim);
  });
  program.ops.forEach((op, i) => new OpCheck(program, op, `ops[${i}] ${op.op}`).run());
  if (program.hidden !== undefined) checkHidden(program, program.hidden);
  const samples = program.ops.filter(({ op }) => op === "sample").length;
  if (samples > 1) fail(`has ${samples} sample ops; a step has one set of samples, so at most one is accepted`);
}

function checkHidden({ buffers }: Program, { buffer, offset, width }: View): void {
  checkIndex("hidden.buffer", buffer, buffers.length);
  if (offset !== 0 || width !== buffers[buffer].width || buffers[buffer].rows !== "outputs")
    fail("hidden is a part of a buffer, or one of tokens; it must be the whole of a buffer of outputs");
}

/**
 * Checks a program together with what it is bound to. A backend checks by itself that the prepared weights are its own and have the
 * shapes of the program's. `pageSize` is the device's. Throws RequestError.
 */
export function checkBinding({ program, weights, vectors, limits }: ProgramBinding, pageSize: number): void {
  checkProgram(program);
  expectEqual("weights bound", weights.length, program.weights.length);
  expectEqual("vectors bound", vectors.length, program.vectors.length);
  program.vectors.forEach(({ name, length }, i) =>
    expectEqual(`vector ${name}: values bound`, vectors[i].length, length),
  );
  checkLimits(program, limits);
  expectEqual("limits.pageSize, which is the device's", limits.pageSize, pageSize);
}

function checkLimits(program: Program, limits: StepLimits): void {
  for (const name of ["maxTokens", "maxSequences", "maxOutputs", "pageSize"] as const)
    checkSize(`limits.${name}`, limits[name]);
  expectEqual("limits.pageCounts: page kinds", limits.pageCounts.length, program.pageKinds.length);
  limits.pageCounts.forEach((count, i) => {
    checkSize(`limits.pageCounts[${i}]`, count);
    checkSize(`limits.pageCounts[${i}] * pageSize`, count * limits.pageSize);
  });
}

function checkWeightSpec(program: Program, index: number): void {
  const where = `weights[${index}]`;
  const { parts, summaries, inFeatures, outFeatures } = program.weights[index];
  checkSize(`${where}.inFeatures`, inFeatures);
  checkSize(`${where}.outFeatures`, outFeatures);
  if (parts.length === 0) fail(`${where} has no parts`);
  expectEqual(`${where}: summaries`, summaries.length, parts.length);
  for (const summary of summaries) expectEqual(`${where}: inFeatures of a part`, summary.inFeatures, inFeatures);
  const stacked = summaries.reduce((sum, summary) => sum + summary.outFeatures, 0);
  expectEqual(`${where}: outFeatures of all parts`, stacked, outFeatures);
}

function checkRope(program: Program, index: number): void {
  const where = `ropes[${index}]`;
  const { rotaryDim, variants } = program.ropes[index];
  checkSize(`${where}.rotaryDim`, rotaryDim);
  if (rotaryDim % 2 !== 0) fail(`${where}.rotaryDim ${rotaryDim} is odd; it counts pairs twice`);
  if (variants.length === 0) fail(`${where} has no variants`);
  for (const { inverseFrequencies, scale } of variants) {
    expectEqual(`${where}: inverse frequencies`, inverseFrequencies.length, rotaryDim / 2);
    if (!inverseFrequencies.every(Number.isFinite) || !Number.isFinite(scale))
      fail(`${where} has a frequency or scale that is not finite`);
  }
}

/** The rules of one op. */
class OpCheck {
  readonly #program: Program;
  readonly #op: Op;
  readonly #where: string;

  constructor(program: Program, op: Op, where: string) {
    this.#program = program;
    this.#op = op;
    this.#where = where;
  }

  run(): void {
    const op = this.#op;
    const { vocabSize } = this.#program;
    switch (op.op) {
      case "embed": {
        const table = this.#at("table", op.table, this.#program.weights);
        this.#rows("out", op.out, "tokens");
        this.#equal("out.width", op.out.width, table.inFeatures);
        this.#finite("scale", op.scale);
        if (table.outFeatures < vocabSize)
          fail(`${this.#where}: the table has ${table.outFeatures} rows, fewer than the vocabulary's ${vocabSize}`);
        return;
      }
      case "rms-norm": {
        this.#sameShape({ input: op.input, out: op.out });
        checkSize(`${this.#where}: groupWidth`, op.groupWidth);
        this.#multiple("input.width", op.input.width, op.groupWidth);
        this.#equal("weight's length", this.#at("weight", op.weight, this.#program.vectors).length, op.groupWidth);
        this.#eps(op.eps);
        this.#apartOrSame("out", op.out, "input", op.input);
        return;
      }
      case "layer-norm": {
        this.#sameShape({ input: op.input, out: op.out });
        for (const name of ["weight", "bias"] as const)
          this.#equal(`${name}'s length`, this.#at(name, op[name], this.#program.vectors).length, op.input.width);
        this.#eps(op.eps);
        this.#apartOrSame("out", op.out, "input", op.input);
        return;
      }
      case "linear": {
        const weight = this.#at("weight", op.weight, this.#program.weights);
        const width = op.glu === undefined ? weight.outFeatures : weight.outFeatures / 2;
        this.#glu(op.glu);
        this.#finite("scale", op.scale);
        const rows = this.#view("out", op.out);
        this.#rows("input", op.input, rows);
        this.#equal("input.width", op.input.width, weight.inFeatures);
        this.#equal("out.width", op.out.width, width);
        this.#apart("out", op.out, "input", op.input);
        if (op.bias !== undefined)
          this.#equal("bias's length", this.#at("bias", op.bias, this.#program.vectors).length, weight.outFeatures);
        if (op.residual !== undefined) {
          this.#sameShape({ out: op.out, residual: op.residual });
          this.#apartOrSame("out", op.out, "residual", op.residual);
        }
        return;
      }
      case "glu":
        this.#glu(op.activation);
        this.#sameShape({ out: op.out, gate: op.gate, up: op.up });
        this.#apartOrSame("out", op.out, "gate", op.gate);
        this.#apartOrSame("out", op.out, "up", op.up);
        return;
      case "activate":
        this.#inPlace(op);
        return;
      case "soft-cap":
        this.#inPlace(op);
        this.#positive("cap", op.cap);
        return;
      case "add":
        this.#sameShape({ out: op.out, input: op.input, residual: op.residual });
        this.#apart("out", op.out, "input", op.input);
        this.#apartOrSame("out", op.out, "residual", op.residual);
        if (op.gate === undefined) return;
        this.#rows("gate", op.gate, this.#view("out", op.out));
        this.#equal("gate.width", op.gate.width, 1);
        this.#apart("out", op.out, "gate", op.gate);
        return;
      case "regroup":
        this.#sameShape({ input: op.input, out: op.out });
        checkSize(`${this.#where}: parts`, op.parts);
        checkSize(`${this.#where}: groupWidth`, op.groupWidth);
        this.#multiple("input.width", op.input.width, op.parts * op.groupWidth);
        this.#apart("out", op.out, "input", op.input);
        return;
      case "route":
        this.#rows("logits", op.logits, this.#view("out", op.out));
        this.#choices("out", op.out, op.logits.width);
        this.#apart("out", op.out, "logits", op.logits);
        return;
      case "expert-linear":
        this.#expertLinear(op);
        return;
      case "expert-sum": {
        const rows = this.#view("out", op.out);
        this.#rows("input", op.input, rows);
        this.#rows("routes", op.routes, rows);
        this.#equal("input.width", op.input.width, this.#choices("routes", op.routes) * op.out.width);
        for (const name of ["input", "routes"] as const) this.#apart("out", op.out, name, op[name]);
        if (op.residual === undefined) return;
        this.#sameShape({ out: op.out, residual: op.residual });
        this.#apartOrSame("out", op.out, "residual", op.residual);
        return;
      }
      case "rope-write": {
        const cache = this.#at("cache", op.cache, this.#program.caches);
        const rotaryDim = op.rope === undefined ? 0 : this.#at("rope", op.rope, this.#program.ropes).rotaryDim;
        if (rotaryDim > cache.headDim)
          fail(`${this.#where}: rotaryDim ${rotaryDim} is larger than headDim ${cache.headDim}`);
        for (const name of ["q", "k", "v"] as const) this.#rows(name, op[name], "tokens");
        this.#heads("q.width", op.q.width, cache);
        for (const name of ["k", "v"] as const)
          this.#equal(`${name}.width`, op[name].width, cache.kvHeads * cache.headDim);
        this.#apart("q", op.q, "k", op.k);
        this.#apart("q", op.q, "v", op.v);
        this.#apart("k", op.k, "v", op.v);
        return;
      }
      case "attention": {
        const cache = this.#at("cache", op.cache, this.#program.caches);
        this.#rows("q", op.q, "tokens");
        this.#sameShape({ q: op.q, out: op.out });
        this.#heads("q.width", op.q.width, cache);
        this.#apart("out", op.out, "q", op.q);
        this.#finite("scale", op.scale);
        if (op.softCap !== undefined) this.#positive("softCap", op.softCap);
        if (op.sinks !== undefined)
          this.#equal(
            "sinks' length",
            this.#at("sinks", op.sinks, this.#program.vectors).length,
            op.q.width / cache.headDim,
          );
        return;
      }
      case "gather":
        this.#rows("input", op.input, "tokens");
        this.#rows("out", op.out, "outputs");
        this.#equal("out.width", op.out.width, op.input.width);
        return;
      case "sample":
        this.#rows("logits", op.logits, "outputs");
        this.#equal("logits.width", op.logits.width, vocabSize);
        return;
      default:
        op satisfies never;
        fail(`${this.#where}: no such op`);
    }
  }

  #expertLinear({ input, routes, weights, biases, glu, out }: ExpertLinearOp): void {
    const rows = this.#view("out", out);
    this.#rows("input", input, rows);
    this.#rows("routes", routes, rows);
    const choices = this.#choices("routes", routes, weights.length);
    this.#glu(glu);
    const { inFeatures, outFeatures } = this.#at("weights[0]", weights[0], this.#program.weights);
    weights.forEach((id, i) => {
      const weight = this.#at(`weights[${i}]`, id, this.#program.weights);
      this.#equal(`inFeatures of weights[${i}]`, weight.inFeatures, inFeatures);
      this.#equal(`outFeatures of weights[${i}]`, weight.outFeatures, outFeatures);
    });
    if (input.width !== inFeatures) this.#equal("input.width", input.width, choices * inFeatures);
    this.#equal("out.width", out.width, (choices * outFeatures) / (glu === undefined ? 1 : 2));
    for (const [name, view] of Object.entries({ input, routes })) this.#apart("out", out, name, view);
    if (biases === undefined) return;
    this.#equal("biases", biases.length, weights.length);
    biases.forEach((id, i) => {
      const what = `biases[${i}]`;
      if (id !== undefined)
        this.#equal(`length of ${what}`, this.#at(what, id, this.#program.vectors).length, outFeatures);
    });
  }

  /** Of a view of routes; `experts` that there are to choose from. */
  #choices(what: string, routes: View, experts = Infinity): number {
    const choices = routes.width / 2;
    if (!Number.isInteger(choices) || choices > experts)
      fail(
        `${this.#where}: ${what}.width is ${routes.width}; it is twice the number of choices, of ${experts} experts`,
      );
    return choices;
  }

  #inPlace({ input, out }: ActivateOp | SoftCapOp): void {
    this.#sameShape({ input, out });
    this.#apartOrSame("out", out, "input", input);
  }

  #glu(glu: Glu | undefined): void {
    if (typeof glu === "object") this.#positive("clampedAt", glu.clampedAt);
  }

  #eps(eps: number): void {
    if (!(eps >= 0 && eps < Infinity)) fail(`${this.#where}: eps is ${eps}`);
  }

  #finite(what: string, value = 0): void {
    if (!Number.isFinite(value)) fail(`${this.#where}: ${what} is ${value}`);
  }

  #positive(what: string, value: number): void {
    if (!(value > 0 && value < Infinity)) fail(`${this.#where}: ${what} is ${value}`);
  }

  #at<T>(what: string, index: number, list: readonly T[]): T {
    checkIndex(`${this.#where}: ${what}`, index, list.length);
    return list[index];
  }

  /** Checks that a view lies in its buffer, and says which rows that has. */
  #view(what: string, { buffer, offset, width }: View): BufferRows {
    const spec = this.#at(`${what}.buffer`, buffer, this.#program.buffers);
    checkSize(`${this.#where}: ${what}.width`, width);
    if (!Number.isInteger(offset) || offset < 0 || offset + width > spec.width)
      fail(
        `${this.#where}: ${what} takes columns ${offset} to ${offset + width} of ${spec.name}, which has ${spec.width}`,
      );
    return spec.rows;
  }

  #rows(what: string, view: View, wanted: BufferRows): void {
    const found = this.#view(what, view);
    if (found !== wanted) fail(`${this.#where}: ${what} has a row for each of the ${found}, not of the ${wanted}`);
  }

  #sameShape(views: Readonly<Record<string, View>>): void {
    const [[firstName, first], ...others] = Object.entries(views);
    const rows = this.#view(firstName, first);
    for (const [name, view] of others) {
      this.#rows(name, view, rows);
      this.#equal(`${name}.width`, view.width, first.width);
    }
  }

  #apart(nameA: string, a: View, nameB: string, b: View): void {
    if (a.buffer === b.buffer && a.offset < b.offset + b.width && b.offset < a.offset + a.width)
      fail(`${this.#where}: ${nameA} and ${nameB} share columns`);
  }

  #apartOrSame(nameA: string, a: View, nameB: string, b: View): void {
    if (a.buffer !== b.buffer || a.offset !== b.offset) this.#apart(nameA, a, nameB, b);
  }

  #heads(what: string, width: number, { kvHeads, headDim }: CacheSpec): void {
    this.#multiple(what, width, kvHeads * headDim);
  }

  #multiple(what: string, found: number, factor: number): void {
    if (found % factor !== 0) fail(`${this.#where}: ${what} is ${found}, which is no multiple of ${factor}`);
  }

  #equal(what: string, found: number, wanted: number): void {
    expectEqual(`${this.#where}: ${what}`, found, wanted);
  }
}

function checkSize(what: string, size: number): void {
  if (!Number.isInteger(size) || size < 1 || size > largestSize)
    fail(`${what} is ${size}, not a whole number from 1 to ${largestSize}`);
}

function checkIndex(what: string, index: number, length: number): void {
  if (!Number.isInteger(index) || index < 0 || index >= length) fail(`${what} is ${index}; there are ${length}`);
}

function expectEqual(what: string, found: number, wanted: number): void {
  if (found !== wanted) fail(`${what}: ${found} instead of ${wanted}`);
}

function fail(reason: string): never {
  throw new RequestError(`program: ${reason}`);
}
