const longest = 120;

/**
 * A string from a file or a request, made safe to put in a message: quoted, cut at 120 characters, and with control,
 * format and other invisible characters escaped, because a tensor name is a stranger's text and a terminal obeys it.
 */
export function quote(text: string): string {
  const shown = text.length > longest ? `${text.slice(0, longest)}…` : text;
  return JSON.stringify(shown).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (char) => {
    const code = char.codePointAt(0) ?? 0;
    return code > 0xffff ? `\\u{${code.toString(16)}}` : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}
