import type { Command } from "commander";
import { addCommonFlags, engineOptions, type CommonFlags } from "./flags/common-flags.ts";
import { addModel, namedModel, type ModelFlag } from "./flags/model-flag.ts";
import { readTokenIds } from "./flags/token-ids.ts";
import { Interruption } from "./interruption.ts";
import { logitsRows } from "./logits-rows.ts";
import { negativeLogLikelihood } from "./negative-log-likelihood.ts";
import { openDriver, type OpenDriver } from "./open-driver.ts";
import { Terminal } from "./terminal.ts";
import { UsageError } from "./usage-error.ts";

interface EvalPerplexityFlags extends CommonFlags, ModelFlag {
  readonly ids: string;
}

const defaultChunk = 512;

const examples = `
The tokens are cut into chunks of --ctx-size (default ${defaultChunk}), each read in a fresh context; the figure is over every token of
the whole chunks but their first. A rest that fills no chunk does not count.

Example:
  fewbit eval ppl ./my-model --ids @tokens.json --ctx-size 512`;

export function defineEvalPerplexity(command: Command): void {
  addModel(command);
  command
    .description("perplexity of a text, given as token ids")
    .requiredOption("--ids <ids>", "the tokens: 1,2,3 or @file.json");
  addCommonFlags(command).addHelpText("after", examples).action(evalPerplexity);
}

async function evalPerplexity(argument: string | undefined, flags: EvalPerplexityFlags): Promise<void> {
  const ids = Int32Array.from(await readTokenIds(flags.ids));
  const chunk = flags.ctxSize ?? defaultChunk;
  const chunks = Math.floor(ids.length / chunk);
  if (chunk < 2) throw new UsageError("--ctx-size must be at least 2: nothing is predicted in a chunk of one token");
  if (chunks === 0)
    throw new UsageError(`--ids holds ${ids.length} tokens, which fill no chunk of ${chunk}; lower --ctx-size`);
  const terminal = new Terminal(flags);
  using interruption = new Interruption();
  await using opened = await openDriver({
    model: namedModel(argument, flags),
    flags,
    engine: engineOptions(flags),
    needs: { positions: chunk, sequences: 1, stepTokens: Math.min(chunk, 512), outputs: logitsRows },
    terminal,
    signal: interruption.signal,
  });
  const progress = terminal.progress("reading");
  let sum = 0;
  for (let i = 0; i < chunks; i++) {
    sum += await surpriseOf(opened, ids.subarray(i * chunk, (i + 1) * chunk));
    progress?.(i + 1, chunks);
  }
  const tokens = chunks * (chunk - 1);
  const perplexity = Math.exp(sum / tokens);
  if (flags.json) terminal.printJson({ perplexity, tokens, chunks });
  else terminal.print(`perplexity ${perplexity.toFixed(4)} over ${tokens} tokens in ${chunks} chunks of ${chunk}`);
}

/** The sum of negative log-likelihoods of a chunk's tokens after the first. */
async function surpriseOf({ driver, compiled }: OpenDriver, ids: Int32Array): Promise<number> {
  const { vocabSize } = compiled.program;
  let sum = 0;
  let next = 1;
  driver.begin(0, ids.length);
  for await (const logits of driver.logits(0, ids)) {
    for (let row = 0; row < logits.length && next < ids.length; row += vocabSize, next++)
      sum += negativeLogLikelihood(logits.subarray(row, row + vocabSize), ids[next]);
  }
  return sum;
}
