import { Option, type Command } from "commander";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { openCheckpoint } from "../checkpoint/open-checkpoint.ts";
import { createNodeHost } from "../entry/node.ts";
import { ggufTypes, type GgufType } from "../formats/ggml/gguf-type.ts";
import { encoders } from "../formats/encoders.ts";
import { openFolder } from "../io/folder.node.ts";
import { planConversion, type Conversion } from "../quantize/plan-conversion.ts";
import type { Target } from "../quantize/convert-weight.ts";
import { writeConversion } from "../quantize/write-conversion.ts";
import { UnsupportedError } from "../util/errors.ts";
import type { FloatType } from "../weights/packed-weight.ts";
import { convertedConfigs, copyCarriedFiles } from "./convert/carried-files.ts";
import { convertToGguf } from "./convert/convert-to-gguf.ts";
import { describeLosses } from "./convert/describe-losses.ts";
import { ConversionFolder } from "./convert/conversion-folder.ts";
import { addCommonFlags, type CommonFlags } from "./flags/common-flags.ts";
import { addModel, namedModel, type ModelFlag } from "./flags/model-flag.ts";
import { Interruption } from "./interruption.ts";
import { megabytes } from "./megabytes.ts";
import { locateNamedModel } from "./locate-named-model.ts";
import { openLocatedCheckpoint } from "./open-named-checkpoint.ts";
import { Terminal } from "./terminal.ts";
import { UsageError } from "./usage-error.ts";

interface ConvertFlags extends CommonFlags, ModelFlag {
  readonly to: string;
  readonly out: string;
  readonly floats: FloatType;
  readonly type?: GgufType;
  readonly requantize?: boolean;
  readonly force?: boolean;
}

const plainFloats = "safetensors";
const gguf = "gguf";

/** As Hugging Face writes them. */
const shardBytes = 5e9;

const help = `
What is packed is packed anew, without the model that it was made from; what is not is copied. Every module is first tried: encoded,
decoded again, and compared. Where a value would change, nothing is written, unless --requantize says to go on with the nearest
codes; then the error of each such module is printed, as the squared error over the squared weights. Plain floats (safetensors)
of f32 lose nothing. GGUF is one file, tokenizer and chat template inside, for llama.cpp and what builds on it. A conversion to a
folder that was interrupted goes on where it was when it is run again.

Examples:
  fewbit convert ./my-model --to gptq_v2 --out ./my-model-v2
  fewbit convert ./my-model --to awq --out ./my-model-awq --requantize
  fewbit convert ./my-model --to safetensors --floats bf16 --requantize --out ./my-model-bf16
  fewbit convert ./my-model --to gguf --out ./my-model.gguf
  fewbit convert ./my-model --to gguf --type Q4_K --requantize --out ./my-model-q4_k.gguf`;

export function defineConvert(command: Command): void {
  addModel(command);
  command
    .addOption(
      new Option("--to <format>", "what to write")
        .choices([...encoders.map(({ name }) => name), plainFloats, gguf])
        .makeOptionMandatory(),
    )
    .requiredOption("-o, --out <folder>", "where to write it: a new or an empty folder, or, for --to gguf, a file")
    .addOption(
      new Option("--floats <type>", "what --to safetensors writes; f32 is exact")
        .choices(["f32", "f16", "bf16"])
        .default("f32"),
    )
    .addOption(
      new Option("--type <type>", "what --to gguf writes linears as; absent: what holds each of them exactly").choices(
        ggufTypes,
      ),
    )
    .option("--requantize", "go on where values change, with the nearest there are")
    .option("--force", "replace the model that is there");
  addCommonFlags(command).addHelpText("after", help).action(convert);
}

async function convert(argument: string | undefined, flags: ConvertFlags): Promise<void> {
  const terminal = new Terminal(flags);
  using interruption = new Interruption();
  const { signal } = interruption;
  const location = await locateNamedModel(createNodeHost(), namedModel(argument, flags), flags, terminal, signal);
  await using checkpoint = await openLocatedCheckpoint(location, flags, terminal, signal);
  const { out: outPath, to, type, requantize = false, force = false } = flags;
  if (to === gguf) {
    const { out } = flags;
    const plan = await convertToGguf(checkpoint, location.folder, terminal, { out, type, requantize, force, signal });
    report(terminal, flags, { ...plan, count: plan.linearCount, files: [out] });
    return;
  }
  if (type !== undefined) throw new UsageError(`--type goes with --to gguf, not ${to}`);
  const target = targetOf(flags);
  requireSafetensors(checkpoint);
  await using out = await ConversionFolder.open(outPath, checkpoint.label, { force });

  const conversion = await planConversion(checkpoint, {
    ...{ target, requantize, signal },
    ...progressOf(terminal, "checking"),
  });
  if (conversion.lossy.length > 0) terminal.note(describeLosses(conversion.lossy));
  await out.begin({ to: flags.to, floats: flags.floats, tensors: describeTensors(conversion) }, conversion.byteLength);
  const files = [
    ...(await writeConversion(conversion, out, { shardBytes, signal, ...progressOf(terminal, "writing") })),
    ...(await convertedConfigs(checkpoint, conversion, out)),
    ...(await copyCarriedFiles(checkpoint, out, signal)),
  ];
  await checkWritten(flags.out, conversion, terminal);
  await out.finish();

  report(terminal, flags, { ...conversion, count: conversion.packedCount, files });
}

interface Report extends Pick<Conversion, "lossy" | "byteLength"> {
  readonly count: number;
  readonly files: readonly string[];
}

function report(terminal: Terminal, flags: ConvertFlags, { count, lossy, byteLength, files }: Report): void {
  const { out, to } = flags;
  const isExact = lossy.length === 0;
  if (flags.json) terminal.printJson({ out, to, isExact, modules: count, lossy, byteLength, files });
  else {
    const how = isExact ? "no value changed" : `${lossy.length} of them with a loss`;
    terminal.print(`${out}: ${count} modules as ${to}, ${how}; ${megabytes(byteLength)}`);
  }
}

function targetOf({ to, floats }: ConvertFlags): Target {
  const encoder = encoders.find(({ name }) => name === to);
  return encoder ? { encoder } : { floats };
}

/** Names, row orders and tokenizers of the others are not those of a Hugging Face folder. */
function requireSafetensors({ format, label }: Checkpoint): void {
  if (format !== "gguf" && format !== "ggml") return;
  throw new UnsupportedError(`${label}: is ${format.toUpperCase()}; checkpoints of safetensors can be converted`);
}

function progressOf(terminal: Terminal, what: string): { readonly onProgress?: (done: number, total: number) => void } {
  const onProgress = terminal.progress(what);
  return onProgress === undefined ? {} : { onProgress };
}

function describeTensors({ modules }: Conversion): readonly string[] {
  return modules.flat().map(({ name, dtype, shape }) => `${name} ${dtype} ${shape.join("x")}`);
}

/** Opens what was written as a stranger would: its format must be recognised, and all of its shapes agree. */
async function checkWritten(path: string, { packedCount }: Conversion, terminal: Terminal): Promise<void> {
  await using written = await openCheckpoint(await openFolder(path), { warn: terminal.warn });
  const found = written.modules().filter(({ tensor }) => tensor === undefined).length;
  if (found !== 0 && found !== packedCount)
    throw new UnsupportedError(`${path}: holds ${found} packed modules after ${packedCount} were written`);
}
