import { parseJson, type JsonValue } from "../util/json.ts";
import { UsageError } from "./usage-error.ts";

const longestInput = 64 * 2 ** 20;

/** All of standard input, less the newline that a shell puts at its end. Throws UsageError where somebody sits at it, or it does not end. */
export async function readPromptFromStdin(): Promise<string> {
  if (process.stdin.isTTY)
    throw new UsageError("there is no prompt: give one, pipe one in, or use `fewbit chat` for a conversation");
  return (await readText(process.stdin, longestInput)).replace(/\r?\n$/, "");
}

/** The JSON value on standard input; `what` says what it should be. Throws UsageError as above, FormatError for what is no JSON. */
export async function readJsonFromStdin(what: string): Promise<JsonValue> {
  if (process.stdin.isTTY) throw new UsageError(`standard input must hold ${what}: pipe it in`);
  const bytes = new TextEncoder().encode(await readText(process.stdin, longestInput));
  return parseJson(bytes, "standard input", { maxBytes: bytes.length, maxDepth: 64 });
}

/** The whole of a stream as UTF-8. Throws UsageError, and reads no further, beyond `maxBytes`. */
export async function readText(stream: AsyncIterable<Uint8Array>, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let byteLength = 0;
  for await (const chunk of stream) {
    byteLength += chunk.length;
    if (byteLength > maxBytes)
      throw new UsageError(`standard input has more than ${maxBytes} bytes, which is the limit`);
    chunks.push(chunk);
  }
  return new TextDecoder().decode(Buffer.concat(chunks));
}
