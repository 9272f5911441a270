import type { Command } from "commander";
import type { LLM } from "../llm/llm.ts";
import { AbortedError, RequestError } from "../util/errors.ts";
import { chatHelp } from "./chat/chat-commands.ts";
import { completeChatLine } from "./chat/chat-completer.ts";
import { ChatInterruption } from "./chat/chat-interruption.ts";
import { ChatSession } from "./chat/chat-session.ts";
import { ChatSettings } from "./chat/chat-settings.ts";
import { messagesOf } from "./chat/conversation-file.ts";
import { historyPath, InputHistory } from "./chat/input-history.ts";
import type { MessageSource } from "./chat/message-source.ts";
import { pipedMessages } from "./chat/piped-messages.ts";
import { TerminalMessages } from "./chat/terminal-messages.ts";
import { addCommonFlags, type CommonFlags } from "./flags/common-flags.ts";
import { addGenerationFlags, type GenerationFlags } from "./flags/generation-flags.ts";
import { addModel, namedModel, type ModelFlag } from "./flags/model-flag.ts";
import { addSystemFlag, type SystemFlag } from "./flags/system-flag.ts";
import { loadModel } from "./load-model.ts";
import { readableWidth } from "./readable-width.ts";
import { Terminal } from "./terminal.ts";

type ChatFlags = CommonFlags & GenerationFlags & ModelFlag & SystemFlag & { readonly history: boolean };

const examples = (): string => `
In the conversation:
${chatHelp(readableWidth(process.stdout))}

Examples:
  fewbit chat
  fewbit chat ./my-model --system "You are terse." --temperature 0.3
  printf 'Hi\\nWhat did I say?\\n' | fewbit chat --json`;

export function defineChat(command: Command): void {
  addModel(command);
  addSystemFlag(command);
  command.option("--no-history", "neither read nor write the file of what was typed (FEWBIT_CHAT_HISTORY names it)");
  addGenerationFlags(command);
  addCommonFlags(command).addHelpText("after", examples).action(chat);
}

async function chat(argument: string | undefined, flags: ChatFlags): Promise<void> {
  const terminal = new Terminal(flags);
  const isInteractive = process.stdin.isTTY && process.stdout.isTTY && !flags.json;
  using interruption = new ChatInterruption(
    isInteractive ? () => terminal.note("\n(Ctrl-C again leaves, and so does Ctrl-D)") : undefined,
  );
  const settings = new ChatSettings(flags);
  // Before the model is there: what is typed in the meantime is not lost, nor shown twice.
  using messages = isInteractive
    ? typedMessages(flags, settings, terminal, interruption)
    : pipedMessages(process.stdin, interruption.signal);
  await using llm = await loadModel(namedModel(argument, flags), flags, terminal, interruption.signal);
  await requireChat(llm, flags);
  const session = new ChatSession({
    ...{ llm, settings, terminal, interruption },
    system: flags.system,
    isSilent: flags.json ?? false,
  });
  if (isInteractive) terminal.note(`${llm.info.architecture} on ${llm.info.device.description}; /help for help`);
  interruption.disarm();
  await converse(messages, session);
  if (interruption.signal.aborted) throw new AbortedError("interrupted");
  if (flags.json) terminal.printJson({ messages: messagesOf(session.conversation) });
}

/** A model that cannot chat says so before anybody types. Throws RequestError. */
async function requireChat(llm: LLM, { system }: ChatFlags): Promise<void> {
  if (!llm.hasChatTemplate)
    throw new RequestError("the model has no chat template; `fewbit run --raw` continues a text");
  await llm.applyTemplate("Hi", { system });
}

function typedMessages(
  flags: ChatFlags,
  settings: ChatSettings,
  terminal: Terminal,
  interruption: ChatInterruption,
): MessageSource {
  const { bold, dim } = terminal.colors;
  return new TerminalMessages({
    input: process.stdin,
    output: process.stdout,
    history: new InputHistory(flags.history ? historyPath(process.env) : undefined, terminal.warn),
    interruption,
    completer: (line) => completeChatLine(line, settings.names),
    prompts: { first: bold("> "), further: dim("… ") },
  });
}

/** Until the user leaves, or there are no more messages. */
async function converse(messages: MessageSource, session: ChatSession): Promise<void> {
  for (let message = await messages.next(); message !== undefined; message = await messages.next()) {
    if ((await session.take(message)) === "leave") return;
  }
}
