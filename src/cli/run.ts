import { existsSync } from "node:fs";
import type { Command } from "commander";
import type { Generation, GenerationResult } from "../llm/generation.ts";
import type { LLM } from "../llm/llm.ts";
import { RequestError } from "../util/errors.ts";
import { addCommonFlags, type CommonFlags } from "./flags/common-flags.ts";
import { addGenerationFlags, generateOptions, type GenerationFlags } from "./flags/generation-flags.ts";
import { modelAndPrompt } from "./flags/model-and-prompt.ts";
import { readTokenIds } from "./flags/token-ids.ts";
import { Interruption } from "./interruption.ts";
import { loadModel } from "./load-model.ts";
import { readPromptFromStdin } from "./read-stdin.ts";
import { Terminal } from "./terminal.ts";
import { UsageError } from "./usage-error.ts";

interface RunFlags extends CommonFlags, GenerationFlags {
  readonly model?: string;
  readonly prompt?: string;
  readonly ids?: string;
  readonly system?: string;
  readonly raw?: boolean;
}

const examples = `
One argument is MODEL when it is on the disk or reads like a path or an id on the Hub, else PROMPT; -m and -p always say it.
Without a prompt, standard input is read.

Examples:
  fewbit run "Why is the sky blue?"
  fewbit run ./my-model "Why is the sky blue?" --temperature 0 --max-tokens 100
  git diff | fewbit run --system "Write a commit message."
  fewbit run ./my-model --raw "Once upon a time"
  fewbit run ./my-model --ids 1,2,3 --max-tokens 8 --json`;

export function defineRun(command: Command): void {
  command
    .argument("[model]", "a folder with a checkpoint, or a .safetensors file (default: the model of the checkout)")
    .argument("[prompt]", "what to answer")
    .option("-m, --model <model>", "the model, whatever it looks like")
    .option("-p, --prompt <text>", "the prompt, whatever it looks like")
    .option("--ids <ids>", "token ids as the prompt: 1,2,3 or @file.json")
    .option("--system <text>", "a system message before the prompt")
    .option("--raw", "continue the prompt as it is, without the chat template");
  addGenerationFlags(command);
  addCommonFlags(command)
    .addHelpText("after", examples)
    .action((first: string | undefined, second: string | undefined, flags: RunFlags) =>
      run(
        [first, second].filter((text) => text !== undefined),
        flags,
      ),
    );
}

type Prompt = { readonly ids: readonly number[] } | { readonly text: string };

async function run(positionals: readonly string[], flags: RunFlags): Promise<void> {
  const { model, prompt: text } = modelAndPrompt({
    positionals,
    model: flags.model,
    prompt: flags.prompt,
    hasIds: flags.ids !== undefined,
    exists: existsSync,
  });
  const prompt = await readPrompt(text, flags);
  const terminal = new Terminal(flags);
  using interruption = new Interruption();
  await using llm = await loadModel(model, flags, terminal, interruption.signal);
  requireFit(llm, prompt, flags);
  const generation = answer(llm, prompt, flags, interruption.signal);
  if (!flags.json) await stream(generation, llm, terminal);
  const result = await generation.result;
  interruption.check();
  if (flags.json) terminal.printJson(resultJson(result, llm, "text" in prompt));
  terminal.detail(describeTimings(result));
}

async function readPrompt(text: string | undefined, { ids, raw, system }: RunFlags): Promise<Prompt> {
  if (system !== undefined && (raw || ids !== undefined))
    throw new UsageError("--system needs the chat template, which --raw and --ids leave out");
  if (ids !== undefined) return { ids: await readTokenIds(ids) };
  const prompt = text ?? (await readPromptFromStdin());
  if (prompt.trim() === "" && !raw) throw new UsageError("the prompt is empty");
  return { text: prompt };
}

/** What the model cannot take, in the words of the command line. Throws RequestError. */
function requireFit({ tokenizer, hasChatTemplate, info }: LLM, prompt: Prompt, { raw }: RunFlags): void {
  if ("ids" in prompt) {
    const wrong = prompt.ids.findIndex((id) => id >= info.vocabSize);
    if (wrong >= 0)
      throw new RequestError(
        `--ids: ${prompt.ids[wrong]} is no token of the model; its ids are 0 to ${info.vocabSize - 1}`,
      );
    return;
  }
  if (tokenizer === undefined) throw new RequestError("the model has no tokenizer.json; give token ids with --ids");
  if (!raw && !hasChatTemplate)
    throw new RequestError(
      "the model has no chat template; --raw continues the prompt as it is, --ids takes token ids",
    );
}

function answer(llm: LLM, prompt: Prompt, flags: RunFlags, signal: AbortSignal): Generation {
  const options = { ...generateOptions(flags), signal };
  if ("ids" in prompt) return llm.generate(prompt.ids, options);
  if (flags.raw) return llm.generate(prompt.text, options);
  return llm.chat(prompt.text, { ...options, ...(flags.system !== undefined && { system: flags.system }) });
}

/** Prints the answer as it comes; ids, where the model has no tokenizer. */
async function stream(generation: Generation, llm: LLM, terminal: Terminal): Promise<void> {
  const isText = llm.tokenizer !== undefined;
  let last = "";
  for await (const event of generation) {
    if (event.type === "text") terminal.write((last = event.text));
    else if (event.type === "token" && !isText) terminal.write(`${last === "" ? "" : ","}${(last = String(event.id))}`);
  }
  if (!last.endsWith("\n")) terminal.write("\n");
}

/** The contract with scripts. */
function resultJson(result: GenerationResult, llm: LLM, isTextPrompt: boolean): unknown {
  const { ids, text, finishReason, usage, timings, promptIds } = result;
  const { loadMs, prefillMs, decodeMs, prefillTokensPerSecond, decodeTokensPerSecond } = timings;
  const { backend, kernels } = llm.info.device;
  return {
    ...{ ids, text, finishReason, usage },
    timings: { loadMs, prefillMs, decodeMs, prefillTokensPerSecond, decodeTokensPerSecond },
    ...{ backend, kernels },
    ...(isTextPrompt && { promptIds }),
  };
}

function describeTimings({ usage, timings, finishReason, seed }: GenerationResult): string {
  const { prefillTokensPerSecond: prefill, decodeTokensPerSecond: decode } = timings;
  return (
    `prompt   ${usage.promptTokens} tokens, ${prefill.toFixed(1)} tokens/s\n` +
    `answer   ${usage.completionTokens} tokens, ${decode.toFixed(1)} tokens/s, ended by ${finishReason}, seed ${seed}`
  );
}
