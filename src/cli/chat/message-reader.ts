/** What a user says at once. */
export interface Message {
  readonly text: string;
  /** It was quoted or pasted: a slash at its beginning is one, and no command. */
  readonly isLiteral: boolean;
}

/**
 * Puts lines together to messages. A line that ends with a backslash goes on with the next; between two lines that begin and
 * end with """ everything is the message, backslashes too. So is every whole line that is pasted: the message goes on until a
 * line is typed to its end.
 */
export class MessageReader {
  #lines: string[] = [];
  #isQuoted = false;
  #isLiteral = false;

  /** More lines are needed for a message. */
  get isOpen(): boolean {
    return this.#isQuoted || this.#lines.length > 0;
  }

  /** Takes a line without its end. Gives the message that it completes. */
  push(line: string, isPasted = false): Message | undefined {
    if (isPasted && !this.#isQuoted) {
      this.#lines.push(line);
      this.#isLiteral = true;
      return undefined;
    }
    if (this.#isQuoted) return this.#pushQuoted(line);
    if (this.#lines.length === 0 && line.trimStart().startsWith(quotes)) {
      this.#isQuoted = true;
      this.#isLiteral = true;
      return this.#pushQuoted(line.trimStart().slice(quotes.length), true);
    }
    if (line.endsWith("\\")) {
      this.#lines.push(line.slice(0, -1));
      return undefined;
    }
    this.#lines.push(line);
    return this.finish();
  }

  /** What has been said until now, when no more lines come; undefined: nothing. */
  finish(): Message | undefined {
    const message = this.isOpen ? { text: this.#lines.join("\n"), isLiteral: this.#isLiteral } : undefined;
    this.clear();
    return message;
  }

  /** Forgets what has been said until now. */
  clear(): void {
    this.#lines = [];
    this.#isQuoted = false;
    this.#isLiteral = false;
  }

  #pushQuoted(line: string, isFirst = false): Message | undefined {
    const isLast = line.trimEnd().endsWith(quotes);
    const text = isLast ? line.trimEnd().slice(0, -quotes.length) : line;
    // The line of the quotes is no line of the message unless something stands on it.
    if (text !== "" || (!isFirst && !isLast)) this.#lines.push(text);
    return isLast ? this.finish() : undefined;
  }
}

const quotes = '"""';
