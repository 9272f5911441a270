import { InvalidArgumentError, Option, type Command } from "commander";
import { longestStop, mostStops, type GenerateOptions } from "../../llm/generation-options.ts";
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

/** What is left out is the model's own choice, and off where it has none. */
export function addGenerationFlags(command: Command): Command {
  const probability = number({ from: 0, to: 1 });
  const penalty = number({ from: -largestPenalty, to: largestPenalty });
  const flags = [
    new Option("-n, --max-tokens <count>", "tokens of an answer (default: as many as fit)").argParser(
      integer({ from: 1 }),
    ),
    new Option("--temperature <number>", "0 is greedy (default: the model's own)").argParser(
      number({ from: 0, to: 1e6 }),
    ),
    new Option("--top-k <count>", "only the likeliest tokens; 0 is off").argParser(
      integer({ from: 0, to: 2 ** 31 - 1 }),
    ),
    new Option("--top-p <number>", "only the likeliest that together reach this probability").argParser(probability),
    new Option("--min-p <number>", "only those this fraction as likely as the likeliest").argParser(probability),
    new Option("--typical-p <number>", "only tokens of nearly the expected surprise").argParser(probability),
    new Option("--repetition-penalty <number>", "above 1: against all tokens seen").argParser(
      number({ from: 1 / largestPenalty, to: largestPenalty }),
    ),
    new Option("--presence-penalty <number>", "against tokens of the answer, once").argParser(penalty),
    new Option("--frequency-penalty <number>", "against tokens of the answer, each time").argParser(penalty),
    new Option("--seed <integer>", "the same seed gives the same answer").argParser(
      integer({ from: Number.MIN_SAFE_INTEGER }),
    ),
    new Option("--stop <text>", "ends the answer; may be given more than once").argParser(addStop),
    new Option("--ignore-eos", "go on where the model would end"),
  ];
  for (const option of flags) command.addOption(option);
  return command;
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
