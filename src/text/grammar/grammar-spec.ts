/**
 * What an answer must look like. Plain data that structured clone can carry. The first four are what users ask for; the others put
 * parts together: `{ kind: "sequence", parts: [{ kind: "text", without: ["<call>"] }, { kind: "literal", text: "<call>" }, …] }`.
 */
export type GrammarSpec =
  /** One JSON object, whatever is in it. */
  | { readonly kind: "json-object" }
  /** JSON that a JSON Schema (draft 7 or 2020-12; as JSON text) allows. */
  | { readonly kind: "json-schema"; readonly schema: string }
  /** What a regular expression of JavaScript's matches from begin to end. */
  | { readonly kind: "regex"; readonly pattern: string }
  /** A grammar in llama.cpp's GBNF or in Lark's form. */
  | { readonly kind: "ebnf"; readonly source: string }
  | { readonly kind: "literal"; readonly text: string }
  /** A special token, by its name in the vocabulary. */
  | { readonly kind: "special-token"; readonly name: string }
  /** Any text, also none, in which none of `without` occurs. */
  | { readonly kind: "text"; readonly without?: readonly string[] }
  | { readonly kind: "sequence"; readonly parts: readonly GrammarSpec[] }
  | { readonly kind: "choice"; readonly options: readonly GrammarSpec[] }
  /** `max` absent: without end. */
  | { readonly kind: "repeat"; readonly body: GrammarSpec; readonly min: number; readonly max?: number };
