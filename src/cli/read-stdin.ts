import { text } from "node:stream/consumers";
import { UsageError } from "./usage-error.ts";

/** All of standard input, less the newline that a shell puts at its end. Throws UsageError where somebody sits at it. */
export async function readPromptFromStdin(): Promise<string> {
  if (process.stdin.isTTY)
    throw new UsageError("there is no prompt: give one, pipe one in, or use `fewbit chat` for a conversation");
  return (await text(process.stdin)).replace(/\r?\n$/, "");
}
