/**
 * Puts lines together to messages. A line that ends with a backslash goes on with the next; between two lines that begin and
 * end with """ everything is the message, backslashes too.
 */
export class MessageReader {
  #lines: string[] = [];
  #isQuoted = false;

  /** More lines are needed for a message. */
  get isOpen(): boolean {
    return this.#isQuoted || this.#lines.length > 0;
  }

  /** Takes a line without its end. Gives the message that it completes. */
  push(line: string): string | undefined {
    if (this.#isQuoted) return this.#pushQuoted(line);
    if (this.#lines.length === 0 && line.trimStart().startsWith(quotes)) {
      this.#isQuoted = true;
      return this.#pushQuoted(line.trimStart().slice(quotes.length), true);
    }
    if (line.endsWith("\\")) {
      this.#lines.push(line.slice(0, -1));
      return undefined;
    }
    this.#lines.push(line);
    return this.finish();
  }

  /** What has been said until now, when no more lines come or are wanted; undefined: nothing. */
  finish(): string | undefined {
    const message = this.isOpen ? this.#lines.join("\n") : undefined;
    this.#lines = [];
    this.#isQuoted = false;
    return message;
  }

  #pushQuoted(line: string, isFirst = false): string | undefined {
    const isLast = line.trimEnd().endsWith(quotes);
    const text = isLast ? line.trimEnd().slice(0, -quotes.length) : line;
    // The line of the quotes is no line of the message unless something stands on it.
    if (text !== "" || (!isFirst && !isLast)) this.#lines.push(text);
    return isLast ? (this.finish() ?? "") : undefined;
  }
}

const quotes = '"""';
