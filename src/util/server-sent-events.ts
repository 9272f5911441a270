/**
 * The data of each event of a text/event-stream body, in order. Lines end in LF, CR LF or CR; comments and other fields are passed over.
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
export async function* serverSentEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.getReader();
  const parser = new EventStreamParser();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield* parser.push(value);
    }
  } finally {
    await reader.cancel();
  }
}

/** The same for whoever is handed the body piece by piece. */
export class EventStreamParser {
  readonly #decoder = new TextDecoder();
  /** Of a line that has not ended. */
  #text = "";
  #data: string[] = [];

  /** The data of the events that this piece ends. */
  push(piece: Uint8Array): readonly string[] {
    this.#text += this.#decoder.decode(piece, { stream: true });
    const events: string[] = [];
    // A CR at the end may be the first half of a CR LF.
    const lineEnd = /\r\n|\n|\r(?!$)/g;
    let start = 0;
    for (let end = lineEnd.exec(this.#text); end !== null; end = lineEnd.exec(this.#text)) {
      const line = this.#text.slice(start, end.index);
      start = lineEnd.lastIndex;
      if (line.startsWith("data:")) this.#data.push(line.slice(line[5] === " " ? 6 : 5));
      else if (line === "" && this.#data.length > 0) {
        events.push(this.#data.join("\n"));
        this.#data = [];
      }
    }
    this.#text = this.#text.slice(start);
    return events;
  }
}
