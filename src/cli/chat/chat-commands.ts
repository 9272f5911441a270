import { Help } from "commander";
import { didYouMean } from "../closest.ts";
import { counted } from "../../util/counted.ts";
import { RequestError } from "../../util/errors.ts";
import { quote } from "../../util/quote.ts";
import type { ChatControls } from "./chat-controls.ts";
import { loadConversation, saveConversation } from "./conversation-file.ts";

/** What a line that begins with a slash does. */
export interface ChatCommand {
  /** The first is shown; the others are what people know from elsewhere. */
  readonly names: readonly string[];
  /** What follows the name: "TEXT". */
  readonly argument?: string;
  readonly summary: string;
  /** Throws errors of fewbit's, which are shown; the chat goes on. "leave" ends it. */
  readonly run: (chat: ChatControls, argument: string) => Promise<void | "leave"> | void | "leave";
}

export const chatCommands: readonly ChatCommand[] = [
  { names: ["/help", "/?"], summary: "this list", run: ({ terminal }) => terminal.note(chatHelp(terminal.noteWidth)) },
  {
    names: ["/system"],
    argument: "TEXT",
    summary: "set the system message; without TEXT, show it",
    run({ conversation, terminal }, text) {
      if (text !== "") conversation.system = text;
      terminal.note(`(system message: ${conversation.system ?? "the model's own"})`);
    },
  },
  {
    names: ["/set"],
    argument: "NAME VALUE",
    summary: "how to answer, as the flag of this name; without VALUE, show it",
    run({ settings, terminal }, text) {
      const [, name = "", value = ""] = /^(\S*)\s*(.*)$/s.exec(text) ?? [];
      terminal.note(name === "" ? settings.describe() : settings.set(name, value));
    },
  },
  { names: ["/retry", "/regenerate"], summary: "answer the last question anew", run: (chat) => chat.retry() },
  {
    names: ["/undo"],
    summary: "forget the last question and its answer",
    run({ conversation, terminal }) {
      if (conversation.undo() === undefined) throw new RequestError("nothing has been asked yet");
      terminal.note("(the last question and its answer are forgotten)");
    },
  },
  {
    names: ["/reset", "/clear", "/new"],
    summary: "forget the conversation, but for the system message",
    run({ conversation, terminal }) {
      conversation.replace([]);
      terminal.note("(the conversation is forgotten)");
    },
  },
  {
    names: ["/save"],
    argument: "FILE",
    summary: "write the conversation to a JSON file; -f FILE replaces one",
    async run({ conversation, terminal }, text) {
      const [, force, path] = /^(-f\s+|--force\s+)?(.*)$/s.exec(text) ?? [];
      if (!path) throw new RequestError("/save needs the name of a file");
      await saveConversation(path, conversation, force !== undefined);
      terminal.note(`(${counted(conversation.turns.length, "message")} in ${path})`);
    },
  },
  {
    names: ["/load"],
    argument: "FILE",
    summary: "go on from a conversation that was saved",
    async run({ conversation, terminal }, path) {
      if (path === "") throw new RequestError("/load needs the name of a file");
      const { system, turns } = await loadConversation(path);
      conversation.system = system;
      conversation.replace(turns);
      terminal.note(`(${counted(turns.length, "message")} from ${path})`);
    },
  },
  {
    names: ["/stats"],
    summary: "tokens and speed until now, and what the context holds",
    run: ({ statistics, terminal }) => terminal.note(statistics.describe()),
  },
  { names: ["/exit", "/quit", "/bye"], summary: "leave; so does Ctrl-D", run: () => "leave" },
];

const notes = [
  'A line that ends with \\ goes on with the next; """ begins and ends several lines; what is pasted keeps its lines.',
  "A blank before a line keeps it out of the history, and a slash at its beginning from being a command.",
  "Ctrl-C stops an answer; a second one leaves.",
];

/** All that can be typed, in lines of so many characters. */
export function chatHelp(width: number): string {
  const help = Object.assign(new Help(), { helpWidth: width, minWidthToWrap: 20 });
  const terms = chatCommands.map(({ names, argument = "" }) => `${names[0]} ${argument}`.trimEnd());
  const termWidth = Math.max(...terms.map((term) => term.length));
  return [
    ...terms.map((term, i) => help.formatItem(term, termWidth, chatCommands[i].summary, help)),
    ...notes.map((note) => help.boxWrap(note, width)),
  ].join("\n");
}

/** Does what a line says that begins with a slash. Throws RequestError where there is no such command. */
export function runChatCommand(line: string, chat: ChatControls): ReturnType<ChatCommand["run"]> {
  const [, name = "", argument = ""] = /^(\S*)\s*(.*)$/s.exec(line) ?? [];
  const command = chatCommands.find(({ names }) => names.includes(name));
  if (command !== undefined) return command.run(chat, argument.trimEnd());
  const names = chatCommands.flatMap((known) => known.names);
  const hint = didYouMean(name, names) || "; /help lists them, and a blank before it makes it a message";
  throw new RequestError(`there is no command ${quote(name)}${hint}`);
}
