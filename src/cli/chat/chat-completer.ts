import { readdirSync } from "node:fs";
import { homedir } from "node:os";
import type { CompleterResult } from "node:readline";
import { chatCommands } from "./chat-commands.ts";

/** What the tab key offers for a line: names of commands, of settings, of files. Nothing for a message. */
export function completeChatLine(line: string, settings: readonly string[]): CompleterResult {
  const startingWith = (word: string, names: readonly string[]): CompleterResult => [
    names.filter((name) => name.startsWith(word)),
    word,
  ];
  const [, command, argument] = /^(\/\S*)\s+(?:-f\s+)?(.*)$/.exec(line) ?? [];
  if (command === undefined) {
    const names = chatCommands.map((known) => known.names[0]);
    return line.startsWith("/") ? startingWith(line, names) : [[], line];
  }
  if (command === "/set" && !argument.includes(" ")) return startingWith(argument, settings);
  if (command === "/save" || command === "/load") return startingWith(argument, filesLike(argument));
  return [[], line];
}

/** What lies in the folder that a path has come to, as the path would go on; folders end with a slash. */
function filesLike(path: string): readonly string[] {
  const folder = path.slice(0, path.lastIndexOf("/") + 1);
  try {
    return readdirSync(folder.replace(/^~\//, `${homedir()}/`) || ".", { withFileTypes: true })
      .filter(({ name }) => !name.startsWith(".") || path.slice(folder.length).startsWith("."))
      .map((entry) => `${folder}${entry.name}${entry.isDirectory() ? "/" : ""}`);
  } catch {
    return []; // no such folder: nothing to offer
  }
}
