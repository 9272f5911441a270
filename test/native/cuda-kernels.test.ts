import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

interface Resources {
  readonly registers: number;
  readonly spillBytes: number;
}

const script = new URL("../../scripts/build-cuda.mjs", import.meta.url).href;
const { parseResources } = (await import(script)) as {
  readonly parseResources: (output: string) => Record<string, Record<string, Resources>>;
};

const read = (path: string): unknown => JSON.parse(readFileSync(new URL(`../../${path}`, import.meta.url), "utf8"));

/** [registers, bytes spilled] by kernel and target, with nvcc 13.0.88. */
const allowed = read("native/cuda/registers.json") as Record<string, Record<string, readonly [number, number]>>;

const isBuilt = existsSync(new URL("../../build/cuda/kernels.json", import.meta.url));
if (!isBuilt) console.log('skipped: the CUDA kernels\' registers: "npm run build:cuda" has not been run here');

test.skipIf(!isBuilt)("no kernel takes more registers, or spills more, than when it was measured", () => {
  const kernels = read("build/cuda/kernels.json") as Record<string, Record<string, Resources>>;
  expect(Object.keys(kernels).sort()).toEqual(Object.keys(allowed).sort());
  for (const [kernel, targets] of Object.entries(allowed))
    for (const [target, [registers, spillBytes]] of Object.entries(targets)) {
      expect(kernels[kernel][target].registers, `registers of ${kernel} on ${target}`).toBeLessThanOrEqual(registers);
      expect(kernels[kernel][target].spillBytes, `spills of ${kernel} on ${target}`).toBeLessThanOrEqual(spillBytes);
    }
});

test("what ptxas reports is read by kernel and target", () => {
  const report = `ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function 'glu' for 'sm_80'
ptxas info    : Function properties for glu
    8 bytes stack frame, 4 bytes spill stores, 12 bytes spill loads
ptxas info    : Used 18 registers, used 1 barriers, 128 bytes smem, 448 bytes cmem[0]
ptxas info    : Compiling entry function 'glu' for 'sm_90a'
ptxas info    : Function properties for glu
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 20 registers, used 0 barriers`;
  expect(parseResources(report)).toEqual({
    glu: {
      sm_80: { registers: 18, stackBytes: 8, spillBytes: 16, sharedBytes: 128 },
      sm_90a: { registers: 20, stackBytes: 0, spillBytes: 0, sharedBytes: 0 },
    },
  });
});
