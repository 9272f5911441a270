import { InvalidArgumentError, Option, type Command } from "commander";
import { longestStop, mostStops, type GenerateOptions } from "../../llm/generation-options.ts";
import { addOptionWithAliases } from "./alias-option.ts";
import { integer, number } from "./parse-number.ts";

export interface GenerationFlags {
  readonly maxTokens?: number;
  readonly temperature?: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly minP?: number;
  readonly typicalP?: number;
  readonly repetitionPenalty?: number;
  readonly presencePenalty?: number;
  readonly frequencyPenalty?: number;
  readonly seed?: number;
  readonly stop?: readonly string[];
  readonly ignoreEos?: boolean;
}

/** Penalties are f32 where they are applied; an f32 holds far more than anybody wants. */
const largestPenalty = 1e6;
const largestTemperature = 1e6;

interface GenerationFlag {
  readonly option: Option;
  /** What other programs call it. */
  readonly aliases?: readonly `--${string}`[];
}

/** One Option each, made anew: a command that takes one keeps it. What is left out is the model's own choice, and off where it has none. */
export function generationFlags(): readonly GenerationFlag[] {
  const flag = (flags: string, description: string, parse?: (text: string) => unknown): Option => {
    const option = new Option(flags, description);
    return parse === undefined ? option : option.argParser(parse);
  };
  const probability = number({ from: 0, to: 1 });
  const penalty = number({ from: -largestPenalty, to: largestPenalty });
  const factor = number({ from: 1 / largestPenalty, to: largestPenalty });
  return [
    {
      option: flag("-n, --max-tokens <count>", "tokens of an answer (default: as many as fit)", integer({ from: 1 })),
      aliases: ["--n-predict", "--predict", "--max-new-tokens"],
    },
    {
      option: flag(
        "--temperature <number>",
        "0 is greedy (default: the model's own)",
        number({ from: 0, to: largestTemperature }),
      ),
      aliases: ["--temp"],
    },
    { option: flag("--top-k <count>", "only the likeliest tokens; 0 is off", integer({ from: 0, to: 2 ** 31 - 1 })) },
    { option: flag("--top-p <number>", "only the likeliest that together reach this probability", probability) },
    { option: flag("--min-p <number>", "only those this fraction as likely as the likeliest", probability) },
    {
      option: flag("--typical-p <number>", "only tokens of nearly the expected surprise", probability),
      aliases: ["--typical"],
    },
    {
      option: flag("--repetition-penalty <number>", "above 1: against all tokens seen", factor),
      aliases: ["--repeat-penalty"],
    },
    { option: flag("--presence-penalty <number>", "against tokens of the answer, once", penalty) },
    { option: flag("--frequency-penalty <number>", "against tokens of the answer, each time", penalty) },
    {
      option: flag(
        "-s, --seed <integer>",
        "the same seed gives the same answer",
        integer({ from: Number.MIN_SAFE_INTEGER }),
      ),
    },
    {
      option: new Option("--stop <text>", "ends the answer; may be given more than once").argParser(addStop),
      aliases: ["--reverse-prompt"],
    },
    { option: flag("--ignore-eos", "go on where the model would end") },
  ];
}

export function addGenerationFlags(command: Command): void {
  command.optionsGroup("Answer:");
  for (const { option, aliases } of generationFlags()) {
    if (aliases === undefined) command.addOption(option);
    else addOptionWithAliases(command, option, aliases);
  }
}

function addStop(text: string, before: readonly string[] = []): readonly string[] {
  if (text === "" || text.length > longestStop)
    throw new InvalidArgumentError(`It must have 1 to ${longestStop} characters.`);
  if (before.length === mostStops) throw new InvalidArgumentError(`It may be given ${mostStops} times at most.`);
  return [...before, text];
}

/** The options that the flags stand for, and nothing of other flags that may lie beside them. */
export function generateOptions(flags: GenerationFlags): GenerateOptions {
  const { maxTokens, temperature, topK, topP, minP, typicalP, seed, stop, ignoreEos } = flags;
  const { repetitionPenalty, presencePenalty, frequencyPenalty } = flags;
  return {
    ...{ maxTokens, temperature, topK, topP, minP, typicalP, seed, stop, ignoreEos },
    ...{ repetitionPenalty, presencePenalty, frequencyPenalty },
  };
}
