/** The special tokens between which gpt-oss writes: header, `<|message|>`, content, one of the ends. */
export const harmonyMarks = {
  start: "<|start|>",
  channel: "<|channel|>",
  constrain: "<|constrain|>",
  message: "<|message|>",
  end: "<|end|>",
  call: "<|call|>",
  return: "<|return|>",
} as const;

// What Qwen3-Coder writes a call and its parameters between; a name and ">" follow the first of each pair.
export const functionBegin = "<function=";
export const functionEnd = "</function>";
export const parameterBegin = "<parameter=";
export const parameterEnd = "</parameter>";
