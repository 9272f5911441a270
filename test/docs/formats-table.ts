import { chooseLinearKernel as chooseOfCpu } from "../../src/backends/cpu/linear-kernels.ts";
import { chooseLinearKernel as chooseOfCuda } from "../../src/backends/cuda/linear-kernels.ts";
import { encoders } from "../../src/formats/encoders.ts";
import { formatTitles } from "../../src/formats/formats.ts";
import { ggufTypes } from "../../src/formats/ggml/gguf-type.ts";
import type { WeightEncoder } from "../../src/formats/weight-encoder.ts";
import { affineForm } from "../../src/weights/affine-form.ts";
import { blockLayouts, type BlockType } from "../../src/weights/blocks/block-type.ts";
import { affineBits, summarize, type WeightSummary } from "../../src/weights/packed-weight.ts";
import { randomAffine } from "../conformance/random-weight.ts";
import { Random } from "../conformance/random.ts";

type Kind = Pick<WeightSummary, "scheme" | "type"> & { readonly bits: readonly number[]; readonly groupSize?: number };

const affine = (...bits: readonly number[]): Kind => ({ scheme: "affine-zero", type: "f16", bits, groupSize: 128 });
const float8: Kind = { scheme: "float8", type: "e4m3fn", bits: [8], groupSize: 128 };
const codebook = (type: "nf4" | "e2m1", groupSize: number): Kind => ({
  scheme: "codebook",
  type,
  bits: [4],
  groupSize,
});

/** What decoding a format gives. Every format of the list has a row: `formatTitles` says which. */
const held: Readonly<Record<string, readonly Kind[]>> = {
  GPTQ: [affine(...affineBits)],
  AWQ: [affine(4)],
  Marlin: [affine(4, 8)],
  "Marlin 2:4": [{ scheme: "sparse-24", type: "f16", bits: [4, 8], groupSize: 128 }],
  EXL2: [{ scheme: "affine-mixed", type: "f16", bits: [2, 3, 4, 5, 6, 8], groupSize: 32 }],
  "compressed-tensors": [affine(...affineBits), float8, codebook("e2m1", 16)],
  FP8: [float8],
  bitsandbytes: [codebook("nf4", 64), affine(8)],
  ModelOpt: [codebook("e2m1", 16), float8],
  MXFP4: [codebook("e2m1", 32)],
  Quark: [affine(4, 8), float8, codebook("e2m1", 32)],
  unquantized: [
    { scheme: "dense", type: "f32", bits: [32] },
    { scheme: "dense", type: "bf16", bits: [16] },
  ],
};

/** Which encoders write a format, by its title. */
const writers: Readonly<Record<string, readonly string[]>> = {
  GPTQ: ["gptq", "gptq_v2", "gptq_p"],
  AWQ: ["awq"],
  Marlin: ["marlin"],
  "compressed-tensors": ["compressed-tensors"],
};

/** docs/formats.md below its introduction. Throws where a format or an encoder has no row. */
export function formatsTable(): string {
  const missing = [
    ...formatTitles.filter((title) => held[title] === undefined),
    ...encoders.map(({ name }) => name).filter((name) => !Object.values(writers).flat().includes(name)),
  ];
  if (missing.length > 0) throw new Error(`test/docs/formats-table.ts has no row for ${missing.join(", ")}`);
  return [
    "## Safetensors",
    "",
    "| format | scheme | bits | CPU, int8 activations | CPU, f32 | CUDA | `convert --to` |",
    "| --- | --- | --- | --- | --- | --- | --- |",
    ...formatTitles.flatMap((title) =>
      held[title].map((kind, i) => {
        const kernels = kernelsOf(sample(kind));
        return row([title, kind.scheme, kind.bits.join(", "), ...kernels, i === 0 ? writtenAs(title) : ""]);
      }),
    ),
    "",
    "## GGUF and GGML",
    "",
    "| type | arithmetic | bits of a code | bytes for values | CPU, int8 activations | CPU, f32 | CUDA | `convert --type` |",
    "| --- | --- | --: | --: | --- | --- | --- | --- |",
    ...(Object.keys(blockLayouts) as BlockType[]).map((type) => {
      const { arithmetic, bits, bytes, values, groupSize } = blockLayouts[type];
      const kernels = kernelsOf(sample({ scheme: "block", type, bits: [bits], groupSize }));
      const isWritten = (ggufTypes as readonly string[]).includes(type);
      return row([type, arithmetic, String(bits), `${bytes} for ${values}`, ...kernels, isWritten ? "yes" : ""]);
    }),
    "",
    "F32, F16 and BF16 are read and written too.",
    "",
    "## What encoders hold",
    "",
    "| `convert --to` | bits | without zero points | with zero points | act-order |",
    "| --- | --- | --- | --- | --- |",
    ...encoders.map((encoder) => row([encoder.name, ...capabilities(encoder)])),
    "",
  ].join("\n");
}

const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;

function sample({ scheme, type, bits, groupSize }: Kind): WeightSummary {
  const shape = { inFeatures: 4096, outFeatures: 4096, reordered: false, byteLength: 0 };
  return { scheme, type, bits: bits[0], ...(groupSize !== undefined && { groupSize }), ...shape };
}

function kernelsOf(summary: WeightSummary): readonly string[] {
  const choices = [
    () => chooseOfCpu({ parts: [summary], activations: "int8", use: "linear", headType: "keep" }),
    () => chooseOfCpu({ parts: [summary], activations: "f32", use: "linear", headType: "keep" }),
    () => chooseOfCuda([summary], { dtype: "f16", capability: 90 }),
  ];
  return choices.map((choose) => {
    try {
      return choose().kernel;
    } catch {
      return "none";
    }
  });
}

function writtenAs(title: string): string {
  if (title === "unquantized") return "safetensors";
  return writers[title]?.join(", ") ?? "";
}

/** By what an encoder refuses of random weights. */
function capabilities(encoder: WeightEncoder): readonly string[] {
  const accepts = (bits: (typeof affineBits)[number], zeros: boolean, reordered: boolean): boolean => {
    const shape = { inFeatures: 256, outFeatures: 256, bits, groupSize: 128, reordered };
    const weight = affineForm(randomAffine(new Random(1), { ...shape, ...(zeros && { zeros: "bytes" }) }));
    return weight !== undefined && summarize(weight).bits === bits && encoder.refuses(weight) === undefined;
  };
  const bitsWith = (zeros: boolean, reordered: boolean): string =>
    affineBits.filter((bits) => accepts(bits, zeros, reordered)).join(", ") || "none";
  const all = affineBits.filter((bits) => accepts(bits, false, false) || accepts(bits, true, false)).join(", ");
  return [all, bitsWith(false, false), bitsWith(true, false), bitsWith(true, true)];
}
