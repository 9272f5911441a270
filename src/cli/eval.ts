import type { Command } from "commander";
import { defineEvalLogits } from "./eval-logits.ts";
import { defineEvalPerplexity } from "./eval-perplexity.ts";

const examples = `
Examples:
  fewbit eval ppl ./my-model --ids @tokens.json
  fewbit eval logits ./my-model --ids 1,2,3 --out logits.safetensors`;

export function defineEval(command: Command): void {
  command.addHelpText("after", examples);
  defineEvalLogits(command.command("logits"));
  defineEvalPerplexity(command.command("ppl"));
}
