import type { Command } from "commander";
import { defineEvalLogits } from "./eval-logits.ts";
import { defineEvalPerplexity } from "./eval-perplexity.ts";

export function defineEval(command: Command): void {
  defineEvalLogits(command.command("logits"));
  defineEvalPerplexity(command.command("ppl"));
}
