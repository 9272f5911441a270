import { ArgumentsReader } from "./arguments-reader.ts";
import { BlankTrimmer } from "./blank-trimmer.ts";
import { CallReader } from "./call-reader.ts";
import { findMark } from "./find-mark.ts";
import type { CallPart, PartReader } from "./part-reader.ts";
import { PythonicReader } from "./pythonic-reader.ts";
import { thinkBegin, thinkEnd, type ToolFormat } from "./tool-format.ts";
import { XmlCallReader } from "./xml-call-reader.ts";

/** A piece of an answer. Texts are never empty. */
export type AnswerPart =
  { readonly type: "text"; readonly text: string } | { readonly type: "reasoning"; readonly text: string } | CallPart;

export interface AnswerParserOptions {
  /** Absent: calls are text like any other. */
  readonly format?: ToolFormat | undefined;
  /** The tools that may be called. */
  readonly toolNames?: readonly string[];
  /** Whether a parameter of a tool is a text; for formats that do not tell. Default: none is. */
  readonly isText?: (tool: string, parameter: string) => boolean;
  /** "open": the prompt has begun it already. Default "none": its marks are text like any other. */
  readonly reasoning?: "none" | "possible" | "open";
  /** The answer comes in Harmony's channels: HarmonyParser reads it, and needs to know nothing else. Default false. */
  readonly hasChannels?: boolean;
}

/** Characters of a name, and of an id. */
const longestHeader = 256;

/**
 * Tells an answer's text from reasoning and calls of tools, while it comes; however it is cut, the parts put together are the same. Blanks
 * around reasoning and before calls are left out. What begins like a call and is none stays text.
 */
export class AnswerParser {
  readonly #format: ToolFormat | undefined;
  readonly #names: ReadonlySet<string>;
  readonly #isText: (tool: string, parameter: string) => boolean;
  #state: "start" | "reasoning" | "text" | "between" | "call";
  #canReason: boolean;
  /** Not judged yet. */
  #held = "";
  #text = new BlankTrimmer(false);
  readonly #reasoning = new BlankTrimmer(true);
  #reader: PartReader | undefined;
  /** A name before its arguments, as later Mistral models write it. */
  #header = "";
  /** What is text if no call comes of it; "" behind a call. */
  #opened = "";
  #hasCalls = false;
  #parts: AnswerPart[] = [];

  constructor({ format, toolNames = [], isText = () => false, reasoning = "none" }: AnswerParserOptions) {
    this.#format = format;
    this.#isText = isText;
    this.#names = new Set(toolNames);
    this.#canReason = reasoning !== "none";
    this.#state = reasoning === "open" ? "reasoning" : "start";
  }

  push(text: string): readonly AnswerPart[] {
    this.#parts = [];
    this.#held += text;
    while (this.#advance());
    return this.#parts;
  }

  /** The answer is over. */
  finish(): readonly AnswerPart[] {
    this.#parts = [];
    const rest = this.#held;
    this.#held = "";
    switch (this.#state) {
      case "reasoning":
        this.#reason(rest);
        return this.#parts;
      case "call":
        if (!this.#reader?.isAnnounced) this.#say(this.#opened + (this.#reader?.raw ?? ""));
        break;
      case "between":
        if (this.#opened !== "") this.#say(this.#opened + this.#header + rest);
        break;
      default:
        this.#say(rest);
    }
    if (!this.#hasCalls) this.#add("text", this.#text.takeEnd());
    return this.#parts;
  }

  /** Takes what can be judged of the held text; false: more is needed. */
  #advance(): boolean {
    if (this.#held === "") return false;
    switch (this.#state) {
      case "start":
        return this.#start();
      case "reasoning":
        return this.#inReasoning();
      case "text":
        return this.#inText();
      case "between":
        return this.#betweenCalls();
      case "call":
        return this.#inCall();
    }
  }

  /** Only here may reasoning begin, and a call that nothing announces. */
  #start(): boolean {
    const text = this.#held.trimStart();
    if (text === "") return false;
    if (this.#canReason && thinkBegin.startsWith(text.slice(0, thinkBegin.length))) {
      if (text.length < thinkBegin.length) return false;
      this.#held = text.slice(thinkBegin.length);
      this.#state = "reasoning";
    } else if (this.#format?.mayBeBare && text.startsWith(this.#format.opener)) {
      this.#opened = this.#held.slice(0, this.#held.length - text.length);
      this.#held = text;
      this.#beginCall(this.#names);
    } else this.#state = "text";
    return true;
  }

  #inReasoning(): boolean {
    const found = findMark(this.#held, [thinkEnd]);
    if (found.mark === undefined) {
      const known = this.#held.length - found.held;
      this.#reason(this.#held.slice(0, known));
      this.#held = this.#held.slice(known);
      return false;
    }
    this.#reason(this.#held.slice(0, found.start));
    this.#held = this.#held.slice(found.start + thinkEnd.length);
    this.#canReason = false;
    this.#text = new BlankTrimmer(true);
    this.#state = "start";
    return true;
  }

  #inText(): boolean {
    const found = findMark(this.#held, this.#format === undefined ? [] : [this.#format.begin]);
    if (found.mark === undefined) {
      const known = this.#held.length - found.held;
      this.#say(this.#held.slice(0, known));
      this.#held = this.#held.slice(known);
      return false;
    }
    this.#say(this.#held.slice(0, found.start));
    this.#opened = this.#text.takeEnd() + found.mark;
    this.#held = this.#held.slice(found.start + found.mark.length);
    this.#state = "between";
    return true;
  }

  /** Behind the mark, between the calls of a list, and behind the last of them. */
  #betweenCalls(): boolean {
    const { begin = "", end, name, opener = "{" } = this.#format ?? {};
    if (this.#header === "" && this.#held.startsWith(begin)) {
      this.#held = this.#held.slice(begin.length);
      return true;
    }
    if (this.#header === "" && begin.startsWith(this.#held)) return false;
    if (this.#header === "" && this.#held.startsWith(opener)) {
      this.#beginCall(undefined);
      return true;
    }
    const separators = /^[\s,;[\]]+/.exec(this.#held)?.[0] ?? "";
    if (separators !== "" && this.#header === "") {
      if (this.#opened !== "") this.#opened += separators;
      this.#held = this.#held.slice(separators.length);
      return true;
    }
    if (this.#held.startsWith("{")) {
      this.#beginCall(undefined);
      return true;
    }
    if (end !== undefined && this.#header === "") {
      if (this.#held.startsWith(end)) {
        this.#held = this.#held.slice(end.length);
        return this.#leaveCalls();
      }
      if (end.startsWith(this.#held) || opener.startsWith(this.#held)) return false;
    }
    if (name === "mistral") return this.#inHeader();
    return this.#leaveCalls();
  }

  /** name[ARGS]{…}, or name[CALL_ID]id[ARGS]{…}. */
  #inHeader(): boolean {
    const length = /^[^{\s]+/.exec(this.#held)?.[0].length ?? 0;
    if (length === 0 || this.#header.length + length > longestHeader) return this.#leaveCalls();
    this.#header += this.#held.slice(0, length);
    this.#held = this.#held.slice(length);
    return true;
  }

  /** What has been opened is text, if no call has come of it. */
  #leaveCalls(): boolean {
    const text = this.#opened + this.#header;
    this.#header = "";
    this.#opened = "";
    this.#state = "text";
    if (text === "") this.#text = new BlankTrimmer(true);
    else this.#say(text);
    return true;
  }

  #beginCall(knownNames: ReadonlySet<string> | undefined): void {
    this.#state = "call";
    if (this.#header === "") {
      const { name, argumentsKey = "arguments" } = this.#format ?? {};
      if (name === "xml") this.#reader = new XmlCallReader(this.#isText);
      else if (name === "pythonic") this.#reader = new PythonicReader(this.#names);
      else this.#reader = new CallReader(argumentsKey, knownNames);
      return;
    }
    const [name] = this.#header.split("[");
    this.#reader = new ArgumentsReader(name);
    this.#header = "";
  }

  #inCall(): boolean {
    const reader = this.#reader!;
    const { taken, parts } = reader.push(this.#held);
    this.#held = this.#held.slice(taken);
    this.#parts.push(...parts);
    if (reader.isAnnounced) {
      this.#hasCalls = true;
      this.#opened = "";
    }
    if (reader.state === "reading") return false;
    this.#reader = undefined;
    if (reader.state === "ended") this.#state = "between";
    else {
      this.#opened += reader.raw;
      this.#leaveCalls();
    }
    return true;
  }

  #reason(text: string): void {
    this.#add("reasoning", this.#reasoning.push(text));
  }

  #say(text: string): void {
    this.#add("text", this.#text.push(text));
  }

  #add(type: "text" | "reasoning", text: string): void {
    if (text !== "") this.#parts.push({ type, text });
  }
}
