import { UsageError } from "./usage-error.ts";

const longestInput = 64 * 2 ** 20;

/** All of standard input, less the newline that a shell puts at its end. Throws UsageError where somebody sits at it, or it does not end. */
export async function readPromptFromStdin(): Promise<string> {
  if (process.stdin.isTTY)
    throw new UsageError("there is no prompt: give one, pipe one in, or use `fewbit chat` for a conversation");
  return (await readText(process.stdin, longestInput)).replace(/\r?\n$/, "");
}

/** The whole of a stream as UTF-8. Throws UsageError, and reads no further, beyond `maxBytes`. */
export async function readText(stream: AsyncIterable<Uint8Array>, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let byteLength = 0;
  for await (const chunk of stream) {
    byteLength += chunk.length;
    if (byteLength > maxBytes) throw new UsageError(`the prompt on standard input has more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return new TextDecoder().decode(Buffer.concat(chunks));
}
