import { FormatError, RequestError } from "../../util/errors.ts";
import { quote } from "../../util/quote.ts";

/** A template that does not parse: the file is at fault, whatever the conversation. Lines and columns count from one. */
export function syntaxError(problem: string, line: number, column: number): FormatError {
  return new FormatError(`the chat template is malformed at line ${line}, column ${column}: ${problem}`);
}

/** What a rendering meets; whoever renders adds the line. */
export function renderError(problem: string): RequestError {
  return new RequestError(problem);
}

/** A name, key or text of a template or a conversation, as it may stand in a message. */
export function shown(text: string): string {
  return quote(text);
}

const longestRefusal = 1000;

/** The template itself refuses the conversation (`raise_exception`), in words of its own. */
export class TemplateRefusal extends RequestError {
  /** Cut at 1000 characters, and without what would command a terminal. */
  constructor(words: string) {
    super(words.slice(0, longestRefusal).replace(/(?![\n\t])\p{C}/gu, "\ufffd"));
  }
}
