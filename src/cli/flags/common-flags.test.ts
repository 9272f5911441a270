import { Command } from "commander";
import { describe, expect, test } from "vitest";
import { addCommonFlags, engineOptions, readOverrides, type CommonFlags } from "./common-flags.ts";

function parse(...args: readonly string[]): CommonFlags {
  const command = addCommonFlags(new Command())
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  return command.parse(args, { from: "user" }).opts<CommonFlags>();
}

describe("engineOptions", () => {
  test.each([
    [[], { backend: "auto" }],
    [["--backend", "cpu", "--threads", "3"], { backend: "cpu", threads: 3 }],
    [["--dtype", "f32"], { backend: "auto", dtype: "f32" }],
    [["--dtype", "f32", "--cpu-activations", "f32"], { backend: "auto", dtype: "f32", activations: "f32" }],
    [["--dtype", "f32", "--kv-cache-dtype", "f16"], { backend: "auto", dtype: "f32", cacheType: "f16" }],
    [["--kv-cache-dtype", "f16"], { backend: "auto", cacheType: "f16" }],
    [["-c", "128"], { backend: "auto", contextLength: 128 }],
  ] as const)("%j", (args, expected) => {
    expect(engineOptions(parse(...args))).toEqual(expected);
  });

  test("there is no webgpu backend", () => {
    expect(() => engineOptions(parse("--backend", "webgpu"))).toThrow("this build has no webgpu backend");
  });
});

test("a checkpoint format is handed on only where it is given", () => {
  expect(readOverrides(parse())).toEqual({});
  expect(readOverrides(parse("--checkpoint-format", "gptq_v2"))).toEqual({ checkpointFormat: "gptq_v2" });
  expect(readOverrides(parse("--transposed", "blk.*"))).toEqual({ transposed: "blk.*" });
});

test.each([
  ["--backend", "vulkan"],
  ["--dtype", "f64"],
  ["--threads", "0"],
  ["--ctx-size", "x"],
])("%s %s is refused", (...args) => {
  expect(() => parse(...args)).toThrow(args[0]);
});
