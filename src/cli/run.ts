import { existsSync } from "node:fs";
import { Option, type Command } from "commander";
import type { TokenEvent } from "../engine/engine.ts";
import type { FormOptions } from "../llm/answer-grammar.ts";
import type { Generation, GenerationResult } from "../llm/generation.ts";
import type { LLM } from "../llm/llm.ts";
import { counted } from "../util/counted.ts";
import { RequestError } from "../util/errors.ts";
import { addCommonFlags, type CommonFlags } from "./flags/common-flags.ts";
import { addFormFlags, formOptions, type FormFlags } from "./flags/form-flags.ts";
import { addGenerationFlags, generateOptions, type GenerationFlags } from "./flags/generation-flags.ts";
import { addModelFlag, modelDescription, type ModelFlag } from "./flags/model-flag.ts";
import { modelAndPrompt, withPositionals } from "./flags/model-and-prompt.ts";
import { integer } from "./flags/parse-number.ts";
import { addSystemFlag, type SystemFlag } from "./flags/system-flag.ts";
import { readTokenIds } from "./flags/token-ids.ts";
import { Interruption } from "./interruption.ts";
import { loadModel } from "./load-model.ts";
import { readPromptFromStdin } from "./read-stdin.ts";
import { Terminal } from "./terminal.ts";
import { UsageError } from "./usage-error.ts";

interface RunFlags extends CommonFlags, FormFlags, GenerationFlags, ModelFlag, SystemFlag {
  readonly prompt?: string;
  readonly ids?: string;
  readonly raw?: boolean;
  readonly showSpecial?: boolean;
  readonly logprobs?: number;
}

/** As many as the OpenAI API gives, and the engine. */
const mostLogprobs = 20;

const examples = `
One argument is MODEL when it is on the disk or reads like a path or an id on the Hub, else PROMPT; -m and -p always say it.
Without a prompt, standard input is read.

Examples:
  fewbit run "Why is the sky blue?"
  fewbit run ./my-model "Why is the sky blue?" --temperature 0 --max-tokens 100
  fewbit run Qwen/Qwen2.5-0.5B-Instruct "Why is the sky blue?"
  git diff | fewbit run --system "Write a commit message."
  fewbit run ./my-model --raw "Once upon a time"
  fewbit run ./my-model --ids 1,2,3 --max-tokens 8 --json
  fewbit run "Yes or no?" --max-tokens 1 --logprobs 5 --json
  fewbit run "Name a colour." --json-schema '{"type":"object","properties":{"colour":{"type":"string"}},"required":["colour"]}'
  fewbit run "A date, please." --regex '[0-9]{4}-[0-9]{2}-[0-9]{2}'`;

export function defineRun(command: Command): void {
  command
    .argument("[model]", modelDescription)
    .argument("[prompt]", "what to answer")
    .option("-p, --prompt <text>", "the prompt, whatever it looks like")
    .option("--ids <ids>", "token ids as the prompt: 1,2,3 or @file.json")
    .option("--raw", "continue the prompt as it is, without the chat template")
    .option("--show-special", "special tokens too, such as the one that ends the answer")
    .addOption(
      new Option("--logprobs <count>", "with --json: log-probabilities, and so many of the likeliest tokens").argParser(
        integer({ from: 0, to: mostLogprobs }),
      ),
    );
  addModelFlag(command);
  addSystemFlag(command);
  addGenerationFlags(command);
  addFormFlags(command);
  addCommonFlags(command).addHelpText("after", examples).action(withPositionals(run));
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
  if (flags.logprobs !== undefined && !flags.json)
    throw new UsageError("--logprobs needs --json: text has no place for them");
  const prompt = await readPrompt(text, flags);
  const form = await formOptions(flags);
  const terminal = new Terminal(flags);
  using interruption = new Interruption();
  await using llm = await loadModel(model, flags, terminal, interruption.signal);
  requireFit(llm, prompt, flags);
  const generation = answer(llm, prompt, form, flags, interruption.signal);
  if (!flags.json) await stream(generation, llm, terminal);
  const result = await generation.result;
  interruption.check();
  if (flags.json) terminal.printJson(resultJson(result, llm, "text" in prompt));
  warnOfFullContext(result, flags, terminal);
  terminal.summary(describeTimings(result));
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

function answer(llm: LLM, prompt: Prompt, form: FormOptions, flags: RunFlags, signal: AbortSignal): Generation {
  const { logprobs: topLogprobs, showSpecial = false } = flags;
  const options = { ...generateOptions(flags), ...form, signal, topLogprobs, skipSpecial: !showSpecial };
  if ("ids" in prompt) return llm.generate(prompt.ids, options);
  if (flags.raw) return llm.generate(prompt.text, options);
  return llm.chat(prompt.text, { ...options, ...(flags.system !== undefined && { system: flags.system }) });
}

/** Prints the answer as it comes; of a model without a tokenizer the ids, as `--ids` takes them. */
async function stream(generation: Generation, { tokenizer }: LLM, terminal: Terminal): Promise<void> {
  let last = "";
  for await (const event of generation) {
    if (event.type === "text") terminal.writeForeign((last = event.text));
    else if (event.type === "token" && tokenizer === undefined)
      terminal.write(`${last === "" ? "" : ","}${(last = String(event.id))}`);
  }
  if (!last.endsWith("\n")) terminal.write("\n");
}

/** Whoever asks for more tokens than there is room for is told why they get fewer. */
function warnOfFullContext(
  { usage, finishReason }: GenerationResult,
  { maxTokens }: RunFlags,
  terminal: Terminal,
): void {
  const { promptTokens, completionTokens } = usage;
  if (maxTokens === undefined || finishReason !== "length" || completionTokens >= maxTokens) return;
  terminal.warn(
    `the context of ${promptTokens + completionTokens} positions is full: the answer ends after ${completionTokens} of ` +
      `${maxTokens} tokens; --ctx-size sets the context`,
  );
}

/** The contract with scripts; the last two only where they are wanted. */
function resultJson(result: GenerationResult, llm: LLM, isTextPrompt: boolean): unknown {
  const { ids, text, finishReason, usage, timings, promptIds, logprobs } = result;
  const { loadMs, prefillMs, decodeMs, prefillTokensPerSecond, decodeTokensPerSecond } = timings;
  const { backend, kernels } = llm.info.device;
  return {
    ...{ ids, text, finishReason, usage },
    timings: { loadMs, prefillMs, decodeMs, prefillTokensPerSecond, decodeTokensPerSecond },
    ...{ backend, kernels },
    ...(isTextPrompt && { promptIds }),
    ...(logprobs !== undefined && { logprobs: logprobs.map(logprobJson) }),
  };
}

function logprobJson({ id, logprob, top = [] }: TokenEvent): unknown {
  return { id, logprob, top };
}

function describeTimings({ usage, timings, finishReason, seed }: GenerationResult): string {
  const { prefillTokensPerSecond: prefill, decodeTokensPerSecond: decode } = timings;
  return (
    `prompt   ${counted(usage.promptTokens, "token")}, ${prefill.toFixed(1)} tokens/s\n` +
    `answer   ${counted(usage.completionTokens, "token")}, ${decode.toFixed(1)} tokens/s, ended by ${finishReason}, seed ${seed}`
  );
}
