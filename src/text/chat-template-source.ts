/** The templates of a model as text. */
export interface ChatTemplateSource {
  readonly chat: string;
  /** For conversations with tools, where the model has one of its own. */
  readonly toolUse?: string;
}

/** The places where a model keeps its templates: parsed JSON or text, undefined where there is no such file. */
export interface ChatTemplateFiles {
  /** Text of chat_template.jinja. */
  readonly jinja?: string | undefined;
  /** chat_template.json. */
  readonly json?: unknown;
  readonly tokenizerConfig?: unknown;
}

/**
 * Finds the templates: chat_template.jinja before chat_template.json before `chat_template` of tokenizer_config.json,
 * which is a text or a list of `{ name, template }` with the names "default" and "tool_use". Undefined: the model has none.
 */
export function findChatTemplate(files: ChatTemplateFiles): ChatTemplateSource | undefined {
  if (files.jinja !== undefined) return { chat: files.jinja };
  return templateOf(files.json) ?? templateOf(files.tokenizerConfig);
}

function templateOf(config: unknown): ChatTemplateSource | undefined {
  if (typeof config !== "object" || config === null || !("chat_template" in config)) return undefined;
  const { chat_template: template } = config;
  if (typeof template === "string") return { chat: template };
  if (!Array.isArray(template)) return undefined;
  const named = (name: string): string | undefined =>
    template.map((entry) => textNamed(entry, name)).find((text) => text !== undefined);
  const chat = named("default");
  const toolUse = named("tool_use");
  if (chat === undefined) return undefined;
  return { chat, ...(toolUse !== undefined && { toolUse }) };
}

function textNamed(entry: unknown, name: string): string | undefined {
  if (typeof entry !== "object" || entry === null) return undefined;
  const { name: found, template } = entry as { readonly name?: unknown; readonly template?: unknown };
  return found === name && typeof template === "string" ? template : undefined;
}
