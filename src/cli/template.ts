import { existsSync } from "node:fs";
import { basename, dirname } from "node:path";
import type { Command } from "commander";
import { readText } from "../checkpoint/read-file.ts";
import { createNodeHost } from "../entry/node.ts";
import { openFolder } from "../io/folder.node.ts";
import { checkChat } from "../llm/check-options.ts";
import { conversationOf } from "../llm/generation-options.ts";
import { loadChatText, type ChatText } from "../llm/load-chat-text.ts";
import { openEmbeddedText } from "../llm/open-embedded-text.ts";
import { ChatRenderer } from "../llm/model-text.ts";
import type { Conversation } from "../text/chat-template.ts";
import { FewbitError, RequestError } from "../util/errors.ts";
import { isJsonObject } from "../util/json.ts";
import { addHubFlags, type HubFlags } from "./flags/hub-flags.ts";
import { modelAndPrompt, withPositionals } from "./flags/model-and-prompt.ts";
import { addModelFlag, modelDescription, type ModelFlag } from "./flags/model-flag.ts";
import { addOutputFlags, type OutputFlags } from "./flags/output-flags.ts";
import { Interruption } from "./interruption.ts";
import { locateNamedModel } from "./locate-named-model.ts";
import { readJsonFromStdin, readPromptFromStdin } from "./read-stdin.ts";
import { Terminal } from "./terminal.ts";
import { UsageError } from "./usage-error.ts";
import { visibleControls } from "./visible-controls.ts";

interface TemplateFlags extends HubFlags, ModelFlag, OutputFlags {
  readonly prompt?: string;
  readonly system?: string;
  readonly file?: string;
  readonly bos?: string;
  readonly eos?: string;
}

const examples = `
One argument is MODEL when it is on the disk or reads like a path or an id on the Hub, else PROMPT; -m and -p always say it.
A folder that holds only the files of a tokenizer is enough. Without a prompt, standard input is read: a message, or with
--json an object with "messages", and maybe "tools", "documents", "add_generation_prompt" (default true), "now" (the time
that the template sees, as 2025-03-09T14:05:06) and further variables of the template, such as "enable_thinking".

Examples:
  fewbit template "Why is the sky blue?"
  fewbit template ./my-model --system "Be brief." "Why is the sky blue?"
  echo '{"messages":[{"role":"user","content":"Hi"}]}' | fewbit template ./my-model --json
  echo '{"messages":[{"role":"user","content":"Hi"}]}' | fewbit template --file chat.jinja --bos "<s>" --eos "</s>" --json`;

export function defineTemplate(command: Command): void {
  command
    .argument("[model]", modelDescription)
    .argument("[prompt]", "a message of the user's")
    .option("-p, --prompt <text>", "the message, whatever it looks like")
    .option("--system <text>", "a system message before it")
    .option("--file <path>", "a bare template instead of a model's")
    .option("--bos <text>", "with --file: what the template knows as bos_token")
    .option("--eos <text>", "with --file: what the template knows as eos_token");
  addModelFlag(command);
  addHubFlags(command);
  addOutputFlags(command).addHelpText("after", examples).action(withPositionals(template));
}

async function template(positionals: readonly string[], flags: TemplateFlags): Promise<void> {
  const { model, prompt } = namedIn(positionals, flags);
  const terminal = new Terminal(flags);
  using interruption = new Interruption();
  const chatText =
    flags.file === undefined
      ? await modelText(model, flags, terminal, interruption.signal)
      : await fileText(flags.file, flags, interruption.signal);
  const conversation = await readConversation(prompt, flags);
  try {
    const text = new ChatRenderer(chatText).template(conversation.tools !== undefined).render(conversation);
    if (flags.json) terminal.printJson({ text });
    else terminal.print(visibleControls(text));
  } catch (error) {
    // For scripts: that a template refuses a conversation is an answer too. The exit status says so as well.
    if (flags.json && error instanceof FewbitError) terminal.printJson({ error: error.message });
    throw error;
  }
}

function namedIn(
  positionals: readonly string[],
  { model, prompt, file, bos, eos }: TemplateFlags,
): { readonly model?: string; readonly prompt?: string } {
  if (file === undefined) {
    if (bos !== undefined || eos !== undefined) throw new UsageError("--bos and --eos belong to --file");
    return modelAndPrompt({ positionals, model, prompt, hasIds: false, exists: existsSync });
  }
  if (model !== undefined) throw new UsageError("--file gives the template, and -m a model with one; give one of them");
  const texts = [...(prompt === undefined ? [] : [prompt]), ...positionals];
  if (texts.length > 1)
    throw new UsageError(`${JSON.stringify(texts[1])} is one argument too many: --file takes one prompt and no model`);
  return texts.length === 0 ? {} : { prompt: texts[0] };
}

async function modelText(
  model: string | undefined,
  flags: TemplateFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<ChatText> {
  const location = await locateNamedModel(createNodeHost(), model, flags, terminal, signal);
  const { folder } = location;
  const embedded = await openEmbeddedText(location, { warn: terminal.warn, signal });
  const chatText = await loadChatText(folder, embedded, signal);
  if (chatText.templates === undefined)
    throw new RequestError(
      `${folder.label}: there is no chat template, neither as chat_template.jinja nor in tokenizer_config.json`,
    );
  return chatText;
}

async function fileText(path: string, { bos, eos }: TemplateFlags, signal: AbortSignal): Promise<ChatText> {
  const chat = await readText(await openFolder(dirname(path)), basename(path), signal);
  const specialTokens = {
    ...(bos !== undefined && { bos_token: bos }),
    ...(eos !== undefined && { eos_token: eos }),
  };
  return { specialTokens, templates: { chat } };
}

const conversationForm = 'a JSON object: {"messages":[{"role":"user","content":"Hi"}],"tools":[…],…}';

/** The prompt as a message, or what stands on standard input. Throws UsageError, RequestError for parts of the wrong type. */
async function readConversation(prompt: string | undefined, { json, system }: TemplateFlags): Promise<Conversation> {
  if (prompt !== undefined || !json)
    return { messages: conversationOf(prompt ?? (await readPromptFromStdin()), system) };
  const given = await readJsonFromStdin(conversationForm);
  if (!isJsonObject(given) || !Array.isArray(given.messages))
    throw new UsageError(`standard input must hold ${conversationForm}`);
  const { messages, tools, add_generation_prompt: addGenerationPrompt, now, ...extra } = given;
  const conversation = {
    messages,
    ...(tools != null && { tools }),
    ...(addGenerationPrompt != null && { addGenerationPrompt }),
    ...(now !== undefined && { now: dateOf(now) }),
  } as unknown as Conversation;
  checkChat(conversation.messages, conversation);
  return { ...conversation, messages: conversationOf(conversation.messages, system), extra };
}

/** A time of the local zone, as a template's clock has none. */
function dateOf(value: unknown): Date {
  const isTime = typeof value === "string" && /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,6})?)?)?$/.test(value);
  // A date without a time would be read as one of Greenwich.
  const date = new Date(isTime ? (value.includes("T") ? value : `${value}T00:00`) : NaN);
  if (Number.isNaN(date.getTime()))
    throw new UsageError(`now is ${JSON.stringify(value)}; it takes a time such as "2025-03-09T14:05:06"`);
  return date;
}
