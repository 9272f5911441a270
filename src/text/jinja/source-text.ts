import type { FormatError } from "../../util/errors.ts";
import { syntaxError } from "./template-errors.ts";

/** The text of a template with newlines as Jinja sees them, without the one that editors put at the end; and where its lines begin. */
export class SourceText {
  readonly text: string;
  readonly #lineStarts: number[] = [0];

  constructor(source: string) {
    this.text = source.replace(/\r\n?/g, "\n").replace(/\n$/, "");
    for (let i = this.text.indexOf("\n"); i >= 0; i = this.text.indexOf("\n", i + 1)) this.#lineStarts.push(i + 1);
  }

  /** The line of an offset, counted from one. */
  lineAt(offset: number): number {
    let low = 0;
    let high = this.#lineStarts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.#lineStarts[middle] <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  }

  /** To be thrown: what is wrong with the template at this offset. */
  error(problem: string, offset: number): FormatError {
    const line = this.lineAt(offset);
    return syntaxError(problem, line, offset - this.#lineStarts[line - 1] + 1);
  }
}
