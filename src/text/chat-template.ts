import { RequestError } from "../util/errors.ts";
import type { ChatMessage } from "./chat-message.ts";
import type { SpecialTokens } from "./special-tokens.ts";
import { strftime } from "./strftime.ts";

/** Turns a conversation into the text that the model was trained to continue. */
export interface ChatTemplate {
  /** Throws RequestError where the template refuses the conversation, with the template's own words. */
  render(conversation: Conversation): string;
}

export interface Conversation {
  /** At least one. */
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

/** What is used of @huggingface/jinja, whose own declarations do not resolve (they import without file extensions). */
interface Library {
  readonly Template: new (source: string) => { readonly parsed: unknown };
  readonly Environment: new () => { set(name: string, value: unknown): void };
  readonly Interpreter: new (environment: unknown) => { run(program: unknown): { readonly value: unknown } };
}

/** Characters; the longest in use has 20,000. */
const longestTemplate = 2 ** 18;
/**
 * Elements that all calls of `range` together may make in one rendering. This bounds what ranges allocate, not time: loops inside of loops
 * over the same list run as often as they like, and the library has no hook that could stop them. Neither does longestRendering, which
 * is looked at when the text is whole. Templates come with checkpoints; only an interpreter of ours would bound their time.
 */
const mostRangeElements = 100_000;
/** Characters that a whole rendering may have. */
const longestRendering = 2 ** 26;

/** Parses a template. Throws RequestError for one that is too long or not understood. */
export async function createChatTemplate(source: string, specialTokens: SpecialTokens): Promise<ChatTemplate> {
  if (source.length > longestTemplate) {
    throw new RequestError(
      `the chat template has ${source.length} characters; at most ${longestTemplate} are accepted`,
    );
  }
  const { Template, Environment, Interpreter } = (await import("@huggingface/jinja")) as unknown as Library;
  const { parsed } = withReason("the chat template is not understood", () => new Template(source));
  return {
    render(conversation) {
      if (conversation.messages.length === 0) throw new RequestError("messages is empty; a chat needs at least one");
      const text = withReason("the chat template refuses this conversation", () => {
        const environment = new Environment();
        for (const [name, value] of Object.entries(variables(conversation, specialTokens)))
          environment.set(name, value);
        return String(new Interpreter(environment).run(parsed).value);
      });
      if (text.length > longestRendering) {
        throw new RequestError(
          `the rendered chat has ${text.length} characters; at most ${longestRendering} are accepted`,
        );
      }
      return text;
    },
  };
}

/** What transformers' apply_chat_template gives a template, with the globals of its Jinja environment. */
function variables(conversation: Conversation, specialTokens: SpecialTokens): Record<string, unknown> {
  const { messages, tools, addGenerationPrompt = true, extra = {}, now = new Date() } = conversation;
  return {
    ...specialTokens,
    ...extra,
    messages,
    tools: tools ?? null,
    documents: extra.documents ?? null,
    add_generation_prompt: addGenerationPrompt,
    ...{ true: true, True: true, false: false, False: false, none: null, None: null },
    range: boundedRange(),
    strftime_now: (format: unknown) => strftime(now, String(format)),
    raise_exception: (message: unknown) => {
      throw new Error(String(message));
    },
  };
}

/** Python's range as a list, with a common allowance for all calls. */
function boundedRange(): (...bounds: readonly unknown[]) => number[] {
  let allowance = mostRangeElements;
  return (...bounds) => {
    const numbers = bounds.filter((bound) => typeof bound === "number");
    const [start, stop, step = 1] = numbers.length === 1 ? [0, numbers[0]] : numbers;
    if (numbers.length < 1 || !numbers.every(Number.isSafeInteger) || step === 0) {
      throw new Error("range() takes one to three integers, the step not zero");
    }
    const count = Math.max(0, Math.ceil((stop - start) / step));
    allowance -= count;
    if (allowance < 0) throw new Error(`range() makes more than ${mostRangeElements} elements in all`);
    return Array.from({ length: count }, (_, i) => start + i * step);
  };
}

function withReason<T>(problem: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw new RequestError(`${problem}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}
