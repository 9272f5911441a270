import { expect, test } from "vitest";
import type { CheckpointModule } from "../checkpoint/checkpoint.ts";
import { groupModules } from "./group-modules.ts";

const module = (name: string, parts: Partial<CheckpointModule> = {}): CheckpointModule => ({
  name,
  shape: [8, 8],
  scheme: "affine-zero",
  bits: 4,
  groupSize: 32,
  byteLength: 40,
  ...parts,
});

const names = (modules: readonly CheckpointModule[]): readonly string[] =>
  groupModules(modules).map(({ name }) => name);

test("layers that are alike are one group", () => {
  const modules = [0, 1, 2, 3].flatMap((layer) => [module(`m.layers.${layer}.q`), module(`m.layers.${layer}.k`)]);
  expect(names([module("m.embed"), ...modules, module("head")])).toEqual([
    "m.embed",
    "m.layers.{0-3}.q",
    "m.layers.{0-3}.k",
    "head",
  ]);
});

test("what differs in anything else stands apart", () => {
  const odd: Partial<CheckpointModule>[] = [{ bits: 8 }, { groupSize: 64 }, { shape: [8, 16] }, { scheme: "dense" }];
  const modules = odd.map((parts, i) => module(`l.${2 * i + 1}.q`, parts));
  expect(names([module("l.0.q"), ...modules, module("l.2.q"), module("l.4.q"), module("l.8.q")])).toEqual([
    "l.{0,2,4,8}.q",
    "l.1.q",
    "l.3.q",
    "l.5.q",
    "l.7.q",
  ]);
});

test("runs of layers are written short, whatever their order", () => {
  expect(names([5, 0, 1, 9, 2].map((layer) => module(`l.${layer}`)))).toEqual(["l.{0-2,5,9}"]);
});

test("only the first number of a name is a layer", () => {
  expect(names([module("l.0.experts.0.w"), module("l.0.experts.1.w"), module("l.1.experts.0.w")])).toEqual([
    "l.{0-1}.experts.0.w",
    "l.0.experts.1.w",
  ]);
});
