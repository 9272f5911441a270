import { FormatError, RequestError } from "../util/errors.ts";
import type { ChatMessage } from "./chat-message.ts";
import { TemplateRefusal } from "./jinja/template-errors.ts";
import { Template } from "./jinja/template.ts";
import { normalizeMessages } from "./normalize-messages.ts";
import type { SpecialTokens } from "./special-tokens.ts";
import { strftime } from "./strftime.ts";

/** Turns a conversation into the text that the model was trained to continue. */
export interface ChatTemplate {
  /**
   * Throws RequestError where the template refuses the conversation, with the template's own words; where it fails on it, with the line;
   * and where it takes more time or memory than the conversation's size accounts for.
   */
  render(conversation: Conversation): string;
}

export interface Conversation {
  /** At least one. Values of JSON, as all that follows: what else JavaScript has is refused. */
  readonly messages: readonly ChatMessage[];
  /** Tools as JSON schemas, in the form of the OpenAI API. */
  readonly tools?: readonly unknown[];
  /** Whether the text ends where the assistant's turn begins. Default true. */
  readonly addGenerationPrompt?: boolean;
  /** Further variables of the template (`enable_thinking`), which win over the special tokens. */
  readonly extra?: Readonly<Record<string, unknown>>;
  /** What `strftime_now` reads; default the clock. */
  readonly now?: Date;
}

/** Characters; the longest in use has 20,000. Malformed ones of this length are refused within 100 ms (bench/hostile-text.mjs). */
const longestTemplate = 2 ** 16;

/** Parses a template. Throws FormatError for one that is too long or malformed; the message says where. */
export function createChatTemplate(source: string, specialTokens: SpecialTokens): ChatTemplate {
  if (source.length > longestTemplate)
    throw new FormatError(`the chat template has ${source.length} characters; at most ${longestTemplate} are accepted`);
  const template = new Template(source);
  return {
    render(conversation) {
      if (conversation.messages.length === 0) throw new RequestError("messages is empty; a chat needs at least one");
      const { now = new Date() } = conversation;
      try {
        return template.render(variables(conversation, specialTokens), {
          formatNow: (format) => strftime(now, format),
        });
      } catch (error) {
        if (!(error instanceof RequestError)) throw error;
        const what = error instanceof TemplateRefusal ? "refuses" : "fails on";
        throw new RequestError(`the chat template ${what} this conversation: ${error.message}`, { cause: error });
      }
    },
  };
}

/** What transformers' apply_chat_template gives a template. */
function variables(conversation: Conversation, specialTokens: SpecialTokens): Record<string, unknown> {
  const { messages, tools = null, addGenerationPrompt = true, extra = {} } = conversation;
  return {
    ...specialTokens,
    ...extra,
    messages: normalizeMessages(messages),
    ...{ tools, documents: extra.documents ?? null, add_generation_prompt: addGenerationPrompt },
  };
}
