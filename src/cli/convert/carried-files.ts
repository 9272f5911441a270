import type { Checkpoint } from "../../checkpoint/checkpoint.ts";
import type { Conversion } from "../../quantize/plan-conversion.ts";
import type { OutputFolder } from "../../quantize/write-conversion.ts";
import { openFolder } from "../../io/folder.node.ts";
import { throwIfAborted } from "../../util/abort.ts";
import { editJsonObject } from "../../util/edit-json.ts";

/** Configs, tokenizers, templates and licences; weights, and what tells of weights, are made anew. */
const carried = /(\.(json|txt|model|jinja|tiktoken)|^(LICENSE|NOTICE)[^/]*)$/i;
const remade = /(\.index\.json|^config\.json|^quant(ize)?_config\.json)$/;

/** Bytes copied at a time. */
const copyBytes = 16 * 2 ** 20;

/** Writes config.json with the quantization of what was converted, and the file that tools of GPTQ read before it. Gives their names. */
export async function convertedConfigs(
  checkpoint: Checkpoint,
  { quantizationConfig }: Conversion,
  out: OutputFolder,
): Promise<readonly string[]> {
  const written: string[] = [];
  const write = async (name: string, text: string): Promise<void> => {
    await out.write(name, (sink) => Promise.resolve(sink(new TextEncoder().encode(text))));
    written.push(name);
  };
  const config = await checkpoint.readText("config.json");
  if (config !== undefined) {
    const changes = { quantization_config: quantizationConfig, compression_config: undefined };
    await write("config.json", editJsonObject(config, changes));
  }
  // Without a config.json it is the only place.
  if (quantizationConfig !== undefined && (quantizationConfig.quant_method === "gptq" || config === undefined))
    await write("quantize_config.json", `${JSON.stringify(quantizationConfig, null, 2)}\n`);
  return written;
}

/** Copies what lies beside the weights and does not depend on them. Gives the names. */
export async function copyCarriedFiles(
  { label, files }: Checkpoint,
  out: OutputFolder,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const names = files.filter((name) => carried.test(name) && !remade.test(name) && !name.startsWith("."));
  const folder = await openFolder(label);
  for (const name of names) {
    await using source = await folder.open(name);
    await out.write(name, async (sink) => {
      for (let at = 0; at < source.size; at += copyBytes) {
        throwIfAborted(signal, "converting");
        await sink(await source.read(at, Math.min(copyBytes, source.size - at)));
      }
    });
  }
  return names;
}
