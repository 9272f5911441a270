import { createInterface } from "node:readline/promises";
import type { Command } from "commander";
import { AbortedError, RequestError } from "../util/errors.ts";
import { ChatInterruption } from "./chat/chat-interruption.ts";
import { Conversation } from "./chat/conversation.ts";
import { MessageReader } from "./chat/message-reader.ts";
import { addCommonFlags, type CommonFlags } from "./flags/common-flags.ts";
import { addGenerationFlags, generateOptions, type GenerationFlags } from "./flags/generation-flags.ts";
import { addModel, namedModel, type ModelFlag } from "./flags/model-flag.ts";
import { addSystemFlag, type SystemFlag } from "./flags/system-flag.ts";
import { loadModel } from "./load-model.ts";
import { Terminal } from "./terminal.ts";

type ChatFlags = CommonFlags & GenerationFlags & ModelFlag & SystemFlag;

const help = `/help           this list
/clear          forget the conversation
/system TEXT    set the system message; without TEXT, show it
/exit           leave; so does Ctrl-D
A line that ends with \\ goes on with the next; """ begins and ends several lines.
Ctrl-C stops an answer; a second one leaves.`;

const examples = `
${help}

Examples:
  fewbit chat
  fewbit chat ./my-model --system "You are terse." --temperature 0.3
  printf 'Hi\\nWhat did I say?\\n' | fewbit chat --json`;

export function defineChat(command: Command): void {
  addModel(command);
  addSystemFlag(command);
  addGenerationFlags(command);
  addCommonFlags(command).addHelpText("after", examples).action(chat);
}

/** What the parts of a chat share. */
interface Session {
  readonly flags: ChatFlags;
  readonly terminal: Terminal;
  readonly conversation: Conversation;
  readonly interruption: ChatInterruption;
}

async function chat(argument: string | undefined, flags: ChatFlags): Promise<void> {
  const terminal = new Terminal(flags);
  using interruption = new ChatInterruption(() => terminal.note("\n(Ctrl-C again leaves)"));
  await using llm = await loadModel(namedModel(argument, flags), flags, terminal, interruption.signal);
  const conversation = new Conversation(llm, flags.system);
  // A model that cannot chat says so before anybody types.
  if (!llm.hasChatTemplate)
    throw new RequestError("the model has no chat template; `fewbit run --raw` continues a text");
  await llm.applyTemplate("Hi", { system: flags.system });
  if (isInteractive) terminal.note(`${llm.info.architecture} on ${llm.info.device.description}; /help for help`);
  interruption.disarm();
  await converse({ flags, terminal, conversation, interruption });
  if (interruption.signal.aborted) throw new AbortedError("interrupted");
  if (flags.json) terminal.printJson({ messages: conversation.messages });
}

const isInteractive = process.stdin.isTTY && process.stdout.isTTY;

/** Reads messages until the user leaves or standard input ends. */
async function converse(session: Session): Promise<void> {
  const { interruption } = session;
  const { stdin: input, stdout: output } = process;
  // Not before the model is there: lines that come while nobody iterates are lost.
  const lines = createInterface({ input, terminal: isInteractive, ...(isInteractive && { output }) });
  const reader = new MessageReader();
  const prompt = (): void => {
    if (!isInteractive) return;
    lines.setPrompt(reader.isOpen ? "… " : "> ");
    lines.prompt();
  };
  // A terminal that is read key by key sends no signal.
  lines.on("SIGINT", () => {
    interruption.interrupt();
    // A prompt would open again what leaving has closed, and keep the process.
    if (!interruption.isAnswering && !interruption.signal.aborted) prompt();
  });
  interruption.signal.addEventListener("abort", () => lines.close());
  prompt();
  let goesOn = true;
  for await (const line of lines) {
    const message = reader.push(line);
    if (message !== undefined) goesOn = await take(message, session);
    if (!goesOn || interruption.signal.aborted) break;
    prompt();
  }
  lines.close();
  const rest = reader.finish();
  if (goesOn && rest !== undefined && !interruption.signal.aborted) await take(rest, session);
}

/** Answers a message, or does what it says; false: the user leaves. */
async function take(message: string, session: Session): Promise<boolean> {
  session.interruption.disarm();
  if (message.startsWith("/")) return obey(message, session);
  if (message.trim() !== "") await answer(message, session);
  return true;
}

async function answer(message: string, { flags, terminal, conversation, interruption }: Session): Promise<void> {
  const write = (text: string): void => {
    if (!flags.json) terminal.write(text);
  };
  try {
    await interruption.during((signal) =>
      conversation.ask(message, {
        ...generateOptions(flags),
        signal,
        onText: write,
        onNote: (note) => terminal.note(`(${note})`),
      }),
    );
    write("\n");
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    terminal.warn(error.message); // this message does not go; the next may
  }
}

function obey(line: string, { conversation, terminal }: Session): boolean {
  const [, command, text] = /^(\/\S*)\s*(.*)$/s.exec(line) ?? [];
  switch (command) {
    case "/help":
      terminal.note(help);
      return true;
    case "/clear":
      conversation.clear();
      terminal.note("(the conversation is forgotten)");
      return true;
    case "/system":
      if (text !== "") conversation.system = text;
      terminal.note(`(system message: ${conversation.system ?? "the model's own"})`);
      return true;
    case "/exit":
      return false;
    default:
      terminal.warn(`there is no command ${command}; /help lists them`);
      return true;
  }
}
