import { UsageError } from "../usage-error.ts";

const newline = 0x0a;

/**
 * The lines of a stream as UTF-8, without their ends, which are LF or CRLF; what follows the last end is a line unless it is
 * empty. No more than one line is kept. Throws UsageError for a line of more than `maxBytes`.
 */
export async function* readLines(
  stream: AsyncIterable<Uint8Array>,
  maxBytes: number,
): AsyncGenerator<string, undefined> {
  let parts: Uint8Array[] = [];
  let byteLength = 0;
  const add = (part: Uint8Array): void => {
    byteLength += part.length;
    if (byteLength > maxBytes) throw new UsageError(`a line on standard input has more than ${maxBytes} bytes`);
    parts.push(part);
  };
  const take = (): string => {
    const line = new TextDecoder().decode(Buffer.concat(parts));
    parts = [];
    byteLength = 0;
    return line.endsWith("\r") ? line.slice(0, -1) : line;
  };
  for await (const chunk of stream) {
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      add(chunk.subarray(start, end));
      yield take();
      start = end + 1;
    }
    if (start < chunk.length) add(chunk.subarray(start));
  }
  if (byteLength > 0) yield take();
}
