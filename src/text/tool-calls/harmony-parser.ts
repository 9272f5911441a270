import type { AnswerPart } from "./answer-parser.ts";
import { findMark } from "./find-mark.ts";
import { harmonyMarks } from "./marks.ts";

const { start, channel, message, end, call, return: last } = harmonyMarks;
const contentEnds = [end, call, last, start, channel];

/** Characters; what goes on for longer is no header. */
const longestHeader = 512;

/**
 * Tells the messages of an answer in OpenAI's Harmony format apart, while it comes: the channel `analysis` is reasoning, what goes to a
 * function is a call, all else is text. The prompt has begun the first message's header. What has no header is text.
 */
export class HarmonyParser {
  #held = "";
  #content: "text" | "reasoning" | "tool-arguments" | undefined;
  /** Whether the message has said anything. */
  #isEmpty = true;
  /** Types of the messages before, which are told apart by an empty line. */
  readonly #said = new Set<AnswerPart["type"]>();
  #parts: AnswerPart[] = [];

  push(text: string): readonly AnswerPart[] {
    this.#parts = [];
    this.#held += text;
    while (this.#held !== "" && (this.#content === undefined ? this.#inHeader() : this.#inContent()));
    return this.#parts;
  }

  /** The answer is over. */
  finish(): readonly AnswerPart[] {
    this.#parts = [];
    if (this.#content !== undefined) {
      this.#say(this.#held);
      this.#endContent();
    } else if (!couldBeHeader(this.#held)) this.#add("text", this.#held);
    this.#held = "";
    return this.#parts;
  }

  #inHeader(): boolean {
    const at = this.#held.indexOf(message);
    if (!couldBeHeader(this.#held) || (at < 0 && this.#held.length > longestHeader)) {
      this.#begin("text");
      // A mark that begins no header, too: it would be taken for one again.
      const mark = contentEnds.find((each) => this.#held.startsWith(each)) ?? "";
      this.#say(mark);
      this.#held = this.#held.slice(mark.length);
      return true;
    }
    if (at < 0) return false;
    const header = this.#held.slice(0, at);
    this.#held = this.#held.slice(at + message.length);
    // The recipient stands before the channel or behind it.
    const name = /\bto=functions\.([\w.-]+)/.exec(header)?.[1];
    if (name !== undefined) this.#parts.push({ type: "tool-call", name });
    this.#begin(name !== undefined ? "tool-arguments" : header.includes(`${channel}analysis`) ? "reasoning" : "text");
    return true;
  }

  #begin(content: "text" | "reasoning" | "tool-arguments"): void {
    this.#content = content;
    this.#isEmpty = true;
  }

  #inContent(): boolean {
    const found = findMark(this.#held, contentEnds);
    const known = found.mark === undefined ? this.#held.length - found.held : found.start;
    this.#say(this.#held.slice(0, known));
    if (found.mark === undefined) {
      this.#held = this.#held.slice(known);
      return false;
    }
    // A header may also follow without an end before it.
    this.#held = this.#held.slice(found.mark === channel ? known : known + found.mark.length);
    this.#endContent();
    return true;
  }

  #say(text: string): void {
    if (text === "" || this.#content === undefined) return;
    const isFurther = this.#isEmpty && this.#content !== "tool-arguments" && this.#said.has(this.#content);
    this.#add(this.#content, isFurther ? `\n\n${text}` : text);
    this.#isEmpty = false;
  }

  #endContent(): void {
    if (this.#content === "tool-arguments" && this.#isEmpty) this.#say("{}");
    this.#content = undefined;
  }

  #add(type: "text" | "reasoning" | "tool-arguments", text: string): void {
    if (text === "") return;
    this.#parts.push({ type, text });
    this.#said.add(type);
  }
}

/** Behind an end the next message begins with its mark and its author, which the prompt has written for the first. */
function couldBeHeader(text: string): boolean {
  const beginnings = [start, channel, "assistant", "to=functions."];
  const trimmed = text.trimStart();
  return beginnings.some((mark) => trimmed.startsWith(mark) || mark.startsWith(trimmed));
}
