/** The control characters that go: all but zero, tab, line ends, and most of the C1 set. */
const removed = new Set([...range(0x01, 0x08), 0x0b, ...range(0x0e, 0x1f), 0x7f, 0x8f, 0x9f]);

/** SentencePiece's `nmt` rules: control characters go, odd spaces (U+2581, U+FEFF and U+FFFD among them) become plain ones. */
export function normalizeNmt(text: string): string {
  return text
    .replace(/\p{Cc}/gu, (control) => (removed.has(control.charCodeAt(0)) ? "" : control))
    .replace(/[\t\n\f\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]/g, " ");
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}
