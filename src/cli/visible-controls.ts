/** C0 but tab and newline, DEL, C1. */
// eslint-disable-next-line no-control-regex -- what the terminal must not get is what is looked for
const controls = /[\0-\x08\x0b-\x1f\x7f-\x9f]/g;

/**
 * Text of a stranger's (a model's answer, a file's) without a hold on the terminal: what would move the cursor, ring, or
 * set the window's title stands there as a sign that can be seen. Tabs and newlines stay, CRLF being one.
 */
export function visibleControls(text: string): string {
  return text.replaceAll("\r\n", "\n").replace(controls, (char) => {
    const code = char.charCodeAt(0);
    // The Control Pictures block has a sign for each of C0 and for DEL, none for C1.
    return code === 0x7f ? "\u2421" : code < 0x20 ? String.fromCharCode(0x2400 + code) : "\ufffd";
  });
}
