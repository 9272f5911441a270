import type { FinishReason, TokenEvent } from "../../engine/engine.ts";
import { AnswerParser, type AnswerParserOptions, type AnswerPart } from "../../text/tool-calls/answer-parser.ts";
import { HarmonyParser } from "../../text/tool-calls/harmony-parser.ts";
import type { Generation, GenerationFinishedEvent, GenerationResult, TextEvent } from "../generation.ts";

export type AnswerEvent =
  TextEvent | ReasoningEvent | ToolCallEvent | ToolArgumentsEvent | TokenEvent | AnswerFinishedEvent;

/** More of what the model thinks before it answers. */
export interface ReasoningEvent {
  readonly type: "reasoning";
  readonly text: string;
}

/** A call begins. */
export interface ToolCallEvent {
  readonly type: "tool-call";
  /** From 0. */
  readonly index: number;
  readonly id: string;
  readonly name: string;
}

/** More of the arguments of call `index`. */
export interface ToolArgumentsEvent {
  readonly type: "tool-arguments";
  readonly index: number;
  readonly text: string;
}

/** "tool-calls": the model ended its turn after calls, and waits for what they give. */
export type AnswerFinishReason = FinishReason | "tool-calls";

export interface AnswerFinishedEvent extends Omit<GenerationFinishedEvent, "finishReason"> {
  readonly finishReason: AnswerFinishReason;
}

export interface ToolCall {
  readonly id: string;
  readonly name: string;
  /** JSON, if the model has kept to it, which it cannot but do where `toolChoice` demands a call and the answer was not cut off. */
  readonly arguments: string;
}

export interface AnswerResult extends Omit<GenerationResult, "finishReason"> {
  /** Without reasoning and calls. */
  readonly text: string | null;
  readonly reasoning?: string;
  readonly toolCalls: readonly ToolCall[];
  readonly finishReason: AnswerFinishReason;
}

/** An answer under way, as a Generation is, of which calls of tools and reasoning are parts of their own. */
export class ChatAnswer implements AsyncIterable<AnswerEvent> {
  /** As Generation.accepted. */
  readonly accepted: Promise<void>;
  readonly result: Promise<AnswerResult>;
  readonly #generation: Generation;
  readonly #parserOptions: () => AnswerParserOptions;
  readonly #ids: string[] = [];

  /** `parserOptions` is asked when the generation has been accepted. */
  constructor(generation: Generation, parserOptions: () => AnswerParserOptions) {
    this.#generation = generation;
    this.#parserOptions = parserOptions;
    this.accepted = generation.accepted;
    this.result = generation.result.then((result) => this.#whole(result));
    this.result.catch(() => undefined); // whoever follows the events need not look at it
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<AnswerEvent, undefined> {
    let parser: AnswerParser | HarmonyParser | undefined;
    let index = -1;
    const events = function* (this: ChatAnswer, parts: readonly AnswerPart[]): Generator<AnswerEvent> {
      for (const part of parts) {
        if (part.type === "tool-call") index++;
        if (part.type === "tool-call") yield { ...part, index, id: this.#idOf(index) };
        else yield part.type === "tool-arguments" ? { ...part, index } : part;
      }
    }.bind(this);
    for await (const event of this.#generation) {
      parser ??= this.#newParser();
      if (event.type === "text") yield* events(parser.push(event.text));
      else if (event.type === "token") yield event;
      else {
        yield* events(parser.finish());
        yield { ...event, finishReason: finishReasonOf(event.finishReason, index + 1) };
      }
    }
  }

  #whole(result: GenerationResult): AnswerResult {
    if (result.text === null) return { ...result, toolCalls: [] };
    const parser = this.#newParser();
    const parts = [...parser.push(result.text), ...parser.finish()];
    const joined = (type: "text" | "reasoning"): string =>
      parts.map((part) => (part.type === type ? part.text : "")).join("");
    const calls: { name: string; text: string }[] = [];
    for (const part of parts)
      if (part.type === "tool-call") calls.push({ name: part.name, text: "" });
      else if (part.type === "tool-arguments") calls[calls.length - 1].text += part.text;
    const reasoning = joined("reasoning");
    return {
      ...result,
      text: joined("text"),
      ...(reasoning !== "" && { reasoning }),
      toolCalls: calls.map(({ name, text }, index) => ({ id: this.#idOf(index), name, arguments: text })),
      finishReason: finishReasonOf(result.finishReason, calls.length),
    };
  }

  #newParser(): AnswerParser | HarmonyParser {
    const options = this.#parserOptions();
    return options.hasChannels ? new HarmonyParser() : new AnswerParser(options);
  }

  /** Mistral's templates insist on nine letters and digits; other clients and models take any. */
  #idOf(index: number): string {
    while (this.#ids.length <= index) {
      const bytes = crypto.getRandomValues(new Uint8Array(9));
      this.#ids.push(Array.from(bytes, (byte) => (byte % 36).toString(36)).join(""));
    }
    return this.#ids[index];
  }
}

function finishReasonOf(reason: FinishReason, calls: number): AnswerFinishReason {
  return reason === "stop" && calls > 0 ? "tool-calls" : reason;
}
