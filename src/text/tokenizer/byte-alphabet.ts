/**
 * GPT-2's spelling of bytes as characters: printable Latin-1 as itself, all other bytes from U+0100 on, in order. Byte-level vocabularies
 * are written in it: U+0120 is a space, U+010A a newline.
 */
const byteCharacters: readonly string[] = Array.from(spellBytes(), (code) => String.fromCharCode(code));

/** The byte of each character below U+0144, 256 for those that spell none. */
const bytesOfCharacters = new Uint16Array(0x144).fill(256);
for (const [byte, character] of byteCharacters.entries()) bytesOfCharacters[character.charCodeAt(0)] = byte;

const utf8 = new TextEncoder();

/** Writes the UTF-8 bytes of a text in the byte alphabet. */
export function spell(text: string): string {
  let spelled = "";
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x80) spelled += byteCharacters[code];
    else {
      // Encoded together: a character may have two units.
      let end = i + 1;
      while (end < text.length && text.charCodeAt(end) >= 0x80) end++;
      for (const byte of utf8.encode(text.slice(i, end))) spelled += byteCharacters[byte];
      i = end - 1;
    }
  }
  return spelled;
}

/** The bytes that a token stands for: those it spells, or, where a character spells none, its own UTF-8 as the reference has it. */
export function bytesOf(token: string): Uint8Array {
  const bytes = new Uint8Array(token.length);
  for (let i = 0; i < token.length; i++) {
    const code = token.charCodeAt(i);
    const byte = code < bytesOfCharacters.length ? bytesOfCharacters[code] : 256;
    if (byte === 256) return utf8.encode(token);
    bytes[i] = byte;
  }
  return bytes;
}

function* spellBytes(): Generator<number> {
  let next = 0x100;
  for (let byte = 0; byte < 256; byte++) {
    const isPrintable =
      (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
    yield isPrintable ? byte : next++;
  }
}
