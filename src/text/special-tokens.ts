/** The tokens that a tokenizer names by their role, as text: `bos_token`, `eos_token`, `pad_token`, `unk_token` and so on. */
export type SpecialTokens = Readonly<Record<string, string>>;

const roleKey = /^[a-z_]{1,60}_token$/;

/**
 * Collects every `*_token` of tokenizer_config.json or special_tokens_map.json, which are a text or an object with the
 * text in `content`. Sources are given best first. Anything else (null, a list, flags such as `add_bos_token`) is none.
 */
export function parseSpecialTokens(...configs: readonly unknown[]): SpecialTokens {
  const tokens = new Map<string, string>();
  for (const config of configs) {
    if (typeof config !== "object" || config === null) continue;
    for (const [key, value] of Object.entries(config)) {
      const text = contentOf(value);
      if (roleKey.test(key) && text !== undefined && !tokens.has(key)) tokens.set(key, text);
    }
  }
  return Object.fromEntries(tokens);
}

function contentOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value !== "object" || value === null || !("content" in value)) return undefined;
  return typeof value.content === "string" ? value.content : undefined;
}
