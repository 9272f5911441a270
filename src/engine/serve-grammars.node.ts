import { parentPort } from "node:worker_threads";
import type { Automaton } from "../text/grammar/automaton.ts";
import { compileGrammar } from "../text/grammar/compile-grammar.ts";
import type { GrammarSpec } from "../text/grammar/grammar-spec.ts";
import { encodeError, type WireError } from "./wire.ts";

/** What the thread answers each grammar with, in the order in which they came. */
export type GrammarReply =
  | { readonly automaton: Automaton; readonly error?: undefined }
  | { readonly automaton?: undefined; readonly error: WireError };

/** The main program of a thread that GrammarThread has started. */
export function serveGrammars(): void {
  const port = parentPort;
  if (port === null) throw new Error("this module runs only as a worker thread");
  port.on("message", (spec: GrammarSpec) => {
    const reply = replyTo(spec);
    const arrays = reply.automaton === undefined ? [] : Object.values<Uint8Array | Int32Array>({ ...reply.automaton });
    port.postMessage(
      reply,
      arrays.map(({ buffer }) => buffer as ArrayBuffer),
    );
  });
}

function replyTo(spec: GrammarSpec): GrammarReply {
  try {
    return { automaton: compileGrammar(spec) };
  } catch (error) {
    return { error: encodeError(error) };
  }
}
