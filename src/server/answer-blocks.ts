import type { AnswerEvent, AnswerFinishedEvent, AnswerResult } from "../llm/tools/chat-answer.ts";

/** A stretch of an answer of one kind, as the APIs of Responses and Messages cut it. */
export type AnswerBlock =
  { readonly kind: "reasoning" | "text" } | { readonly kind: "call"; readonly id: string; readonly name: string };

export type BlockEvent =
  | { readonly type: "open"; readonly index: number; readonly block: AnswerBlock }
  | { readonly type: "delta"; readonly index: number; readonly block: AnswerBlock; readonly text: string }
  /** `text`: all of it. */
  | { readonly type: "close"; readonly index: number; readonly block: AnswerBlock; readonly text: string }
  | { readonly type: "finished"; readonly event: AnswerFinishedEvent };

/** The blocks of an answer as it comes, one after another. */
export async function* blockEvents(answer: AsyncIterable<AnswerEvent>): AsyncGenerator<BlockEvent> {
  let index = -1;
  let open: AnswerBlock | undefined;
  let text = "";
  const close = function* (): Generator<BlockEvent> {
    if (open !== undefined) yield { type: "close", index, block: open, text };
    open = undefined;
    text = "";
  };
  const begin = function* (block: AnswerBlock): Generator<BlockEvent> {
    yield* close();
    open = block;
    yield { type: "open", index: ++index, block };
  };
  for await (const event of answer) {
    if (event.type === "token") continue;
    if (event.type === "finished") {
      yield* close();
      yield { type: "finished", event };
    } else if (event.type === "tool-call") yield* begin({ kind: "call", id: event.id, name: event.name });
    else {
      if (event.type !== "tool-arguments" && open?.kind !== event.type) yield* begin({ kind: event.type });
      text += event.text;
      yield { type: "delta", index, block: open!, text: event.text };
    }
  }
}

/** The blocks of a whole answer. */
export function blocksOf({ reasoning, text, toolCalls }: AnswerResult): readonly (readonly [AnswerBlock, string])[] {
  const block = (kind: "reasoning" | "text", said: string | null | undefined): [AnswerBlock, string][] =>
    said ? [[{ kind }, said]] : [];
  return [
    ...block("reasoning", reasoning),
    ...block("text", text),
    ...toolCalls.map(({ id, name, arguments: json }): [AnswerBlock, string] => [{ kind: "call", id, name }, json]),
  ];
}
