import { Option, type Command } from "commander";
import type { Folder } from "../../io/folder.ts";
import { shapeNames, type ShapeName } from "../synthetic/shapes.ts";
import { openSyntheticFolder } from "../synthetic/synthetic-folder.ts";
import type { SyntheticFormat } from "../synthetic/synthetic-tensors.ts";
import { UsageError } from "../usage-error.ts";
import { integer } from "./parse-number.ts";

export interface SyntheticFlags {
  readonly synthetic?: ShapeName;
  readonly format: SyntheticFormat["format"];
  readonly bits: `${SyntheticFormat["bits"]}`;
  readonly groupSize: number;
  readonly asym: boolean;
  readonly actOrder: boolean;
}

/** `--synthetic` and what goes with it: a model made on the fly instead of one that is named. */
export function addSyntheticFlags(command: Command): void {
  command.optionsGroup("Instead of a model:");
  const flags = [
    new Option("--synthetic <shape>", "random weights at a real model's shape").choices(shapeNames),
    new Option("--format <name>", "of its linears").choices(["gptq", "dense"]).default("gptq"),
    new Option("--bits <bits>", "of a weight").choices(["2", "3", "4", "8"]).default("4"),
    new Option("--group-size <inputs>", "that share a scale; -1: all of a column")
      .argParser(integer({ from: -1, to: 2 ** 20 }))
      .default(128),
    new Option("--asym", "zero points of all values").default(false),
    new Option("--act-order", "inputs in any order of groups").default(false),
  ];
  for (const option of flags) command.addOption(option);
}

/** The model that the flags describe; undefined: they describe none. Throws UsageError where a model is named besides. */
export function syntheticModel(flags: SyntheticFlags, name: string | undefined): Folder | undefined {
  const { synthetic, format, bits, groupSize, asym, actOrder } = flags;
  if (synthetic === undefined) return undefined;
  if (name !== undefined) throw new UsageError("--synthetic is a model already; leave the other one out");
  if (groupSize === 0 || (groupSize > 0 && groupSize % 32 !== 0))
    throw new UsageError(`--group-size takes multiples of 32, and -1; got ${groupSize}`);
  return openSyntheticFolder(synthetic, {
    format,
    bits: Number(bits) as SyntheticFormat["bits"],
    groupSize,
    asym,
    actOrder,
  });
}
