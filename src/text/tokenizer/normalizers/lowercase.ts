/** Character by character as in Rust, where a capital sigma does not ask whether it ends a word. */
export function lowercase(text: string): string {
  return text.includes("\u03A3") ? text.split("\u03A3").map(lowercase).join("\u03C3") : text.toLowerCase();
}
