import type { RegroupOp } from "../../device/program.ts";
import type { RunningStep } from "./running-step.ts";

export function regroup(running: RunningStep, { parts, groupWidth, ...op }: RegroupOp, row: number): void {
  const x = running.row(op.input, row);
  const out = running.row(op.out, row);
  const groups = x.length / parts / groupWidth;
  for (let group = 0; group < groups; group++)
    for (let part = 0; part < parts; part++) {
      const start = (group * parts + part) * groupWidth;
      out.set(x.subarray(start, start + groupWidth), (part * groups + group) * groupWidth);
    }
}
