import type { Command } from "commander";
import { writeSafetensors } from "../containers/safetensors/write-safetensors.ts";
import { addCommonFlags, engineOptions, type CommonFlags } from "./flags/common-flags.ts";
import { addModel, namedModel, type ModelFlag } from "./flags/model-flag.ts";
import { readTokenIds } from "./flags/token-ids.ts";
import { Interruption } from "./interruption.ts";
import { logitsRows } from "./logits-rows.ts";
import { openDriver } from "./open-driver.ts";
import { Terminal } from "./terminal.ts";
import { writeWholeFile } from "./write-whole-file.ts";

interface EvalLogitsFlags extends CommonFlags, ModelFlag {
  readonly ids: string;
  readonly out: string;
}

const examples = `
Example:
  fewbit eval logits ./my-model --ids 1,2,3 --out logits.safetensors --dtype f32 --cpu-activations f32`;

export function defineEvalLogits(command: Command): void {
  addModel(command);
  command
    .description(
      "write the logits of every position to a .safetensors file: tensor `logits`, F32 [positions, vocabulary]",
    )
    .requiredOption("--ids <ids>", "the tokens: 1,2,3 or @file.json")
    .requiredOption("--out <file>", "where to write");
  addCommonFlags(command).addHelpText("after", examples).action(evalLogits);
}

async function evalLogits(argument: string | undefined, flags: EvalLogitsFlags): Promise<void> {
  const ids = Int32Array.from(await readTokenIds(flags.ids));
  const terminal = new Terminal(flags);
  using interruption = new Interruption();
  await using opened = await openDriver({
    model: namedModel(argument, flags),
    flags,
    engine: engineOptions(flags),
    needs: { positions: Math.max(ids.length, flags.ctxSize ?? 0), sequences: 1, stepTokens: 512, outputs: logitsRows },
    terminal,
    signal: interruption.signal,
  });
  const { vocabSize } = opened.compiled.program;
  const shape = [ids.length, vocabSize];
  const progress = terminal.progress("computing logits");
  const rows = async function* (): AsyncGenerator<Float32Array> {
    let done = 0;
    opened.driver.begin(0, ids.length);
    for await (const logits of opened.driver.logits(0, ids)) {
      yield logits;
      progress?.((done += logits.length), ids.length * vocabSize);
    }
  };
  await writeWholeFile(flags.out, (write) =>
    writeSafetensors([{ name: "logits", dtype: "F32", shape, data: rows }], write),
  );
  if (flags.json) terminal.printJson({ shape, out: flags.out });
  else terminal.print(`logits [${shape.join(", ")}] are in ${flags.out}`);
}
