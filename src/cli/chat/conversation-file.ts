import { lstat, readFile, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { FormatError, IoError } from "../../util/errors.ts";
import { isJsonObject, jsonType, parseJson, type JsonValue } from "../../util/json.ts";
import { quote } from "../../util/quote.ts";
import { writeWholeFile } from "../write-whole-file.ts";
import type { Turn } from "./turn.ts";

/** A chat as it lies on the disk: `{"messages":[{"role","content"},…]}`, in the form of the OpenAI API. */
export interface SavedConversation {
  readonly system: string | undefined;
  readonly turns: readonly Turn[];
}

const largestFile = 16 * 2 ** 20;

/** The messages as files and `--json` have them; an answer that was stopped has `"stopped":true`. */
export function messagesOf({ system, turns }: SavedConversation): readonly object[] {
  return [...(system === undefined ? [] : [{ role: "system", content: system }]), ...turns];
}

/** Throws IoError, for a file that is there unless it may be replaced. */
export async function saveConversation(
  path: string,
  conversation: SavedConversation,
  mayReplace: boolean,
): Promise<void> {
  const place = withHome(path);
  const isThere = await lstat(place).then(
    () => true,
    () => false,
  );
  if (isThere && !mayReplace) throw new IoError(`${path} is there already; /save -f ${path} replaces it`);
  const text = `${JSON.stringify({ messages: messagesOf(conversation) }, null, 2)}\n`;
  await writeWholeFile(place, (write) => write(new TextEncoder().encode(text)));
}

/** Reads what saveConversation writes, or a bare list of messages. Throws IoError, FormatError for what is no conversation. */
export async function loadConversation(path: string): Promise<SavedConversation> {
  const place = withHome(path);
  let bytes: Uint8Array;
  try {
    const found = await stat(place);
    // A pipe or a device may never end, and has no size that could say so.
    if (!found.isFile()) throw new IoError(`${path}: is no regular file`);
    if (found.size > largestFile)
      throw new FormatError(`${path}: has ${found.size} bytes; at most ${largestFile} are read`);
    bytes = await readFile(place);
  } catch (cause) {
    if (cause instanceof IoError || cause instanceof FormatError) throw cause;
    throw new IoError(`${path}: cannot be read (${(cause as NodeJS.ErrnoException).code})`, { cause });
  }
  return parseConversation(parseJson(bytes, path, { maxBytes: largestFile, maxDepth: 16 }), path);
}

/** Questions and answers take turns, and a question is first: what templates ask for, and what undoing counts on. */
export function parseConversation(value: JsonValue, label: string): SavedConversation {
  const messages = isJsonObject(value) ? value.messages : value;
  if (!Array.isArray(messages)) throw new FormatError(`${label}: must hold {"messages":[…]}, or a list of messages`);
  const turns: Turn[] = [];
  let system: string | undefined;
  for (const [i, message] of (messages as readonly JsonValue[]).entries()) {
    const where = `${label}: messages[${i}]`;
    if (!isJsonObject(message)) throw new FormatError(`${where} must be an object, found ${jsonType(message)}`);
    const { role, content, stopped } = message;
    if (typeof content !== "string") throw new FormatError(`${where}: "content" must be a text`);
    if (role === "system" && i === 0) {
      system = content;
      continue;
    }
    const expected = turns.length % 2 === 0 ? "user" : "assistant";
    if (role !== expected)
      throw new FormatError(
        `${where}: "role" is ${typeof role === "string" ? quote(role) : "no text"}; "${expected}" is its turn`,
      );
    turns.push({ role: expected, content, ...(stopped === true && { stopped }) });
  }
  if (turns.length % 2 === 1) throw new FormatError(`${label}: the last message is a question without an answer`);
  return { system, turns };
}

/** "~/x" as shells have it. */
function withHome(path: string): string {
  return path.startsWith("~/") ? join(homedir(), path.slice(2)) : path;
}
