import { describe, expect, test } from "vitest";
import type { Op, Program, View } from "../../device/program.ts";
import { foldableNorms } from "./folded-norms.ts";

const view = (buffer: number, width = 64, offset = 0): View => ({ buffer, offset, width });
const norm = (input: View, out: View, groupWidth = input.width): Op => ({ op: "rms-norm", input, weight: 0, groupWidth, eps: 1e-5, out }); // prettier-ignore
const linear = (input: View, out: View): Op => ({ op: "linear", input, weight: 0, out });
const found = (ops: readonly Op[], hidden?: View) => [...foldableNorms({ ops, hidden } as unknown as Program)];

describe("a norm", () => {
  test("is folded into the linears that read it, as often as there are any", () => {
    const ops = [norm(view(0), view(1)), linear(view(1), view(2)), linear(view(1), view(3)), norm(view(2), view(1)), linear(view(1), view(0))]; // prettier-ignore
    expect(found(ops)).toEqual([
      [0, [1, 2]],
      [3, [4]],
    ]);
  });

  test.each<[string, readonly Op[]]>([
    ["that nothing reads", [norm(view(0), view(1))]],
    ["of heads", [norm(view(0), view(1), 32), linear(view(1), view(2))]],
    ["in place", [norm(view(0), view(0)), linear(view(0), view(2))]],
    ["of which a part is read", [norm(view(0), view(1)), linear(view(1, 32), view(2))]],
    ["that is a residual too", [norm(view(0), view(1)), { ...linear(view(1), view(2)), residual: view(1) } as Op]],
    ["that others than linears read", [norm(view(0), view(1)), linear(view(1), view(2)), { op: "add", input: view(2), residual: view(1), out: view(2) }]], // prettier-ignore
    ["whose input the linear itself writes over", [norm(view(0), view(1)), linear(view(1), view(0))]],
    ["whose input is gone when it is read again", [norm(view(0), view(1)), linear(view(1), view(2)), linear(view(2), view(0)), linear(view(1), view(3))]], // prettier-ignore
    ["of which a part is written over", [norm(view(0), view(1)), linear(view(1), view(2)), linear(view(2), view(1, 32))]], // prettier-ignore
  ])("%s stays as it is", (_, ops) => expect(found(ops)).toEqual([]));

  test("that a step reports stays as it is", () => {
    expect(found([norm(view(0), view(1)), linear(view(1), view(2))], view(1))).toEqual([]);
  });
});
