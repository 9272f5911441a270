/** A word inside of `{{ }}` or `{% %}`. */
export type Token =
  | { readonly kind: "name"; readonly text: string; readonly offset: number }
  | { readonly kind: "string"; readonly value: string; readonly offset: number }
  | { readonly kind: "number"; readonly value: bigint | number; readonly offset: number }
  | { readonly kind: "operator"; readonly text: string; readonly offset: number }
  /** Behind the last one. */
  | { readonly kind: "end"; readonly offset: number };
