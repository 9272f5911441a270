import { expect, test } from "vitest";
import { parseCpuInfo } from "./cpu-features.ts";

test("x86: the flags of the first processor that matter", () => {
  const text =
    "processor\t: 0\nvmx flags\t: ept\nflags\t\t: fpu avx2 sse4_2 avx512_vnni\n\nprocessor\t: 1\nflags\t\t: fma\n";
  expect(parseCpuInfo(text)).toEqual(["avx2", "sse4_2", "avx512_vnni"]);
});

test("ARM calls them features", () => {
  expect(parseCpuInfo("processor\t: 0\nFeatures\t: fp asimd evtstrm asimddp i8mm\n")).toEqual([
    "asimd",
    "asimddp",
    "i8mm",
  ]);
});

test("a system that lists none", () => {
  expect(parseCpuInfo("processor : 0\n")).toEqual([]);
});
