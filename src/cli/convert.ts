import { Option, type Command } from "commander";
import { createNodeHost } from "../entry/node.ts";
import { encoders } from "../formats/encoders.ts";
import { ggufTypes, type GgufType } from "../formats/ggml/gguf-type.ts";
import type { LossyModule } from "../quantize/plan-conversion.ts";
import type { WantedRounding } from "../quantize/convert-weight.ts";
import { counted } from "../util/counted.ts";
import { affineBits, type AffineBits, type FloatType } from "../weights/packed-weight.ts";
import { convertToGguf } from "./convert/convert-to-gguf.ts";
import { convertToSafetensors } from "./convert/convert-to-safetensors.ts";
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
  readonly bits?: AffineBits;
  readonly groupSize?: number;
  readonly sym?: boolean;
  readonly asym?: boolean;
  readonly force?: boolean;
}

const plainFloats = "safetensors";
const gguf = "gguf";

const help = `
What is packed is packed anew, without the model that it was made from; what is not is copied. Every module is first tried: encoded,
decoded again, and compared. Where a value would change, nothing is written, unless --requantize says to go on with the nearest
codes; then the error of each such module is printed, as the squared error over the squared weights. Plain floats (safetensors)
of f32 lose nothing.

A model that is not packed yet is rounded to the nearest codes, by --requantize and --bits, without a look at any text: a start,
and not what calibration makes of it. Of a GGUF or GGML file, Q4_0, Q5_0, Q8_0, Q3_K and Q6_K are exact where the format has their
bits and groups; types with minima (Q4_1, Q4_K and others) are, as a rule, not. Its config, tokenizer and chat template become the
files that Hugging Face has beside the weights.

GGUF is one file, tokenizer and chat template inside, for llama.cpp and what builds on it. A conversion to a folder that was
interrupted goes on where it was when it is run again.

Examples:
  fewbit convert ./my-model --to gptq_v2 --out ./my-model-v2
  fewbit convert ./my-model --to awq --out ./my-model-awq --requantize
  fewbit convert ./my-model --to gptq --bits 4 --group-size 128 --sym --requantize --out ./my-model-gptq
  fewbit convert ./my-model-q4_0.gguf --to compressed-tensors --out ./my-model-ct
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
      new Option(
        "--floats <type>",
        "what --to safetensors writes, and what a GGUF's norms and embedding become; f32 is exact",
      )
        .choices(["f32", "f16", "bf16"])
        .default("f32"),
    )
    .addOption(
      new Option("--type <type>", "what --to gguf writes linears as; absent: what holds each of them exactly").choices(
        ggufTypes,
      ),
    )
    .option("--requantize", "go on where values change, with the nearest there are")
    .addOption(
      new Option("--bits <number>", "bits of the codes; absent: those that the model has").argParser(parseBits),
    )
    .addOption(
      new Option(
        "--group-size <inputs>",
        "inputs that share a scale, -1 for all; absent: as the model has them, or 128",
      ).argParser(parseGroupSize),
    )
    .addOption(new Option("--sym", "codes without zero points").conflicts("asym"))
    .addOption(new Option("--asym", "codes with zero points"))
    .option("--force", "replace the model that is there");
  addCommonFlags(command).addHelpText("after", help).action(convert);
}

async function convert(argument: string | undefined, flags: ConvertFlags): Promise<void> {
  const terminal = new Terminal(flags);
  using interruption = new Interruption();
  const { signal } = interruption;
  signal.addEventListener("abort", () => terminal.note(`stopping: ${whatRemains(flags)}`));
  const location = await locateNamedModel(createNodeHost(), namedModel(argument, flags), flags, terminal, signal);
  await using checkpoint = await openLocatedCheckpoint(location, flags, terminal, signal);
  const { out, to, type, floats, requantize = false, force = false } = flags;
  const rounding = roundingOf(flags);
  const common = { out, requantize, force, signal };
  if (to === gguf) {
    if (Object.keys(rounding).length > 0) throw new UsageError("--to gguf has the bits and groups that --type names");
    const plan = await convertToGguf(checkpoint, location.folder, terminal, { ...common, type });
    report(terminal, flags, { ...plan, count: plan.linearCount, files: [out] });
    return;
  }
  if (type !== undefined) throw new UsageError(`--type goes with --to gguf, not ${to}`);
  const encoder = encoders.find(({ name }) => name === to);
  if (encoder === undefined && Object.keys(rounding).length > 0)
    throw new UsageError("--to safetensors writes floats: they have no --bits, --group-size, --sym or --asym");
  const target = { ...(encoder && { encoder }), floats };
  const conversion = await convertToSafetensors(checkpoint, terminal, { ...common, target, rounding });
  report(terminal, flags, { ...conversion, count: encoder ? conversion.packedCount : conversion.triedCount });
}

/** Of a conversion that is interrupted. */
function whatRemains({ to, force }: ConvertFlags): string {
  if (to === gguf) return "no file is made; the same command begins anew";
  return `files that are whole stay, and the same command${force === true ? " without --force" : ""} goes on from them`;
}

function roundingOf({ bits, groupSize, sym, asym }: ConvertFlags): WantedRounding {
  return {
    ...(bits !== undefined && { bits }),
    ...(groupSize !== undefined && { groupSize }),
    ...((sym ?? asym) !== undefined && { symmetric: sym === true }),
  };
}

function parseBits(text: string): AffineBits {
  const bits = affineBits.find((each) => String(each) === text);
  if (bits !== undefined) return bits;
  throw new UsageError(`--bits: ${text} is none of ${affineBits.join(", ")}`);
}

function parseGroupSize(text: string): number {
  if (text === "-1") return Infinity;
  if (/^[1-9]\d{0,6}$/.test(text) && Number(text) % 8 === 0) return Number(text);
  throw new UsageError(`--group-size: ${text} is neither -1 nor a multiple of 8 from 8 on`);
}

interface Report {
  readonly lossy: readonly LossyModule[];
  readonly byteLength: number;
  readonly count: number;
  readonly files: readonly string[];
}

function report(terminal: Terminal, flags: ConvertFlags, { count, lossy, byteLength, files }: Report): void {
  const { out, to } = flags;
  const isExact = lossy.length === 0;
  if (flags.json) terminal.printJson({ out, to, isExact, modules: count, lossy, byteLength, files });
  else {
    const how = isExact ? "no value changed" : `${lossy.length} of them with a loss`;
    terminal.print(`${out}: ${counted(count, "module")} as ${to}, ${how}; ${megabytes(byteLength)}`);
  }
}
