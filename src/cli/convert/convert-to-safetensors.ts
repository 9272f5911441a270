import type { Checkpoint } from "../../checkpoint/checkpoint.ts";
import { openCheckpoint } from "../../checkpoint/open-checkpoint.ts";
import { planLoads } from "../../compile/plan-loads.ts";
import { openFolder } from "../../io/folder.node.ts";
import { createModel } from "../../models/models.ts";
import type { Target, WantedRounding } from "../../quantize/convert-weight.ts";
import { planConversion, type Conversion } from "../../quantize/plan-conversion.ts";
import { writeConversion } from "../../quantize/write-conversion.ts";
import { UnsupportedError } from "../../util/errors.ts";
import type { Terminal } from "../terminal.ts";
import { convertedConfigs, copyCarriedFiles } from "./carried-files.ts";
import { ConversionFolder } from "./conversion-folder.ts";
import { describeLosses } from "./describe-losses.ts";
import { writeEmbeddedFiles } from "./embedded-files.ts";

export interface SafetensorsConversion {
  /** The folder that the model goes to. */
  readonly out: string;
  readonly target: Target;
  readonly rounding: WantedRounding;
  readonly requantize: boolean;
  /** Replaces the model that is there. */
  readonly force: boolean;
  readonly signal: AbortSignal;
}

/** As Hugging Face writes them. */
const shardBytes = 5e9;

/** Writes a folder as Hugging Face has them; gives the names of its files too. Throws as ConversionFolder and planConversion. */
export async function convertToSafetensors(
  checkpoint: Checkpoint,
  terminal: Terminal,
  { out: path, target, rounding, requantize, force, signal }: SafetensorsConversion,
): Promise<Conversion & { readonly files: readonly string[] }> {
  const isEmbedded = checkpoint.format === "gguf" || checkpoint.format === "ggml";
  await using out = await ConversionFolder.open(path, checkpoint.label, { force });
  const checking = terminal.progress("checking");
  const conversion = await planConversion(checkpoint, {
    ...{ target, rounding, requantize, signal },
    ...(checking && { onProgress: checking }),
  });
  if (conversion.lossy.length > 0) terminal.note(describeLosses(conversion.lossy));
  const { encoder, floats } = target;
  const { groupSize } = rounding;
  const description = { to: encoder?.name ?? null, floats, ...rounding, groupSize: groupSize?.toString() };
  await out.begin({ ...description, tensors: describeTensors(conversion) }, conversion.byteLength);
  const writing = terminal.progress("writing");
  const weights = await writeConversion(conversion, out, {
    ...{ shardBytes, signal },
    ...(writing && { onProgress: writing }),
  });
  const others = isEmbedded
    ? await writeEmbeddedFiles(checkpoint, conversion, floats, out, terminal)
    : [...(await convertedConfigs(checkpoint, conversion, out)), ...(await copyCarriedFiles(checkpoint, out, signal))];
  await checkWritten(path, conversion, terminal, isEmbedded);
  await out.finish();
  return { ...conversion, files: [...weights, ...others] };
}

function describeTensors({ modules }: Conversion): readonly string[] {
  return modules.flat().map(({ name, dtype, shape }) => `${name} ${dtype} ${shape.join("x")}`);
}

/**
 * Opens what was written as a stranger would: its format must be recognised, and all of its shapes agree. Where the names are new, the
 * model must find every weight under them.
 */
async function checkWritten(
  path: string,
  { packedCount }: Conversion,
  terminal: Terminal,
  isRenamed: boolean,
): Promise<void> {
  await using written = await openCheckpoint(await openFolder(path), { warn: terminal.warn });
  const found = written.modules().filter(({ tensor }) => tensor === undefined).length;
  if (found !== packedCount)
    throw new UnsupportedError(`${path}: holds ${found} packed modules after ${packedCount} were written`);
  if (isRenamed) planLoads(createModel(written.config, written.configLabel), written);
}
