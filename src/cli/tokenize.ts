import { existsSync } from "node:fs";
import type { Command } from "commander";
import { createNodeHost } from "../entry/node.ts";
import { loadTokenizer } from "../llm/load-tokenizer.ts";
import { openEmbeddedText } from "../llm/open-embedded-text.ts";
import type { Tokenizer } from "../text/tokenizer/tokenizer.ts";
import { counted } from "../util/counted.ts";
import { RequestError } from "../util/errors.ts";
import type { JsonValue } from "../util/json.ts";
import { addHubFlags, type HubFlags } from "./flags/hub-flags.ts";
import { modelAndPrompt, withPositionals } from "./flags/model-and-prompt.ts";
import { addModelFlag, modelDescription, type ModelFlag } from "./flags/model-flag.ts";
import { addOutputFlags, type OutputFlags } from "./flags/output-flags.ts";
import { readTokenIds } from "./flags/token-ids.ts";
import { formatTable } from "./format-table.ts";
import { Interruption } from "./interruption.ts";
import { locateNamedModel } from "./locate-named-model.ts";
import { readJsonFromStdin, readPromptFromStdin } from "./read-stdin.ts";
import { Terminal } from "./terminal.ts";
import { UsageError } from "./usage-error.ts";
import { visibleControls } from "./visible-controls.ts";

interface TokenizeFlags extends HubFlags, ModelFlag, OutputFlags {
  readonly prompt?: string;
  readonly ids?: string;
  readonly decode?: boolean;
}

const examples = `
One argument is MODEL when it is on the disk or reads like a path or an id on the Hub, else TEXT; -m and -p always say it.
A folder that holds only a tokenizer.json is enough. Without a text, standard input is read: a text, or with --json or
--decode a JSON array.

Examples:
  fewbit tokenize "Why is the sky blue?"
  fewbit tokenize ./my-model --ids 504,4764
  echo '["a text","another one"]' | fewbit tokenize ./my-model --json
  echo '[[504,4764],[1,2]]' | fewbit tokenize ./my-model --decode --json`;

export function defineTokenize(command: Command): void {
  command
    .argument("[model]", modelDescription)
    .argument("[text]", "what to take apart")
    .option("-p, --prompt <text>", "the text, whatever it looks like")
    .option("--ids <ids>", "token ids to turn into text: 1,2,3 or @file.json")
    .option("--decode", "read a JSON array of arrays of ids, and turn them into text");
  addModelFlag(command);
  addHubFlags(command);
  addOutputFlags(command).addHelpText("after", examples).action(withPositionals(tokenize));
}

async function tokenize(positionals: readonly string[], flags: TokenizeFlags): Promise<void> {
  const { model, prompt: text } = modelAndPrompt({
    positionals,
    model: flags.model,
    prompt: flags.prompt,
    hasIds: flags.ids !== undefined,
    exists: existsSync,
  });
  const { decode: readsIds = false, json: isJson = false } = flags;
  if (readsIds && (text !== undefined || flags.ids !== undefined))
    throw new UsageError("--decode reads ids from standard input; with a text or --ids it has nothing to do");
  const terminal = new Terminal(flags);
  using interruption = new Interruption();
  const tokenizer = await openTokenizer(model, flags, terminal, interruption.signal);

  if (readsIds || flags.ids !== undefined) {
    const lists =
      flags.ids === undefined ? idLists(await readJsonFromStdin(idListsForm)) : [await readTokenIds(flags.ids)];
    if (isJson) terminal.printJson(lists.map((ids) => decodeJson(tokenizer, ids)));
    else for (const ids of lists) terminal.print(visibleControls(tokenizer.decode(ids)));
  } else if (isJson) {
    const given = text === undefined ? texts(await readJsonFromStdin(textsForm)) : [text];
    terminal.printJson(given.map((one) => encodeJson(tokenizer, one)));
  } else describe(tokenizer, text ?? (await readPromptFromStdin()), terminal);
}

async function openTokenizer(
  model: string | undefined,
  flags: TokenizeFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<Tokenizer> {
  const location = await locateNamedModel(createNodeHost(), model, flags, terminal, signal);
  const { folder } = location;
  const embedded = await openEmbeddedText(location, { warn: terminal.warn, signal });
  const tokenizer = await loadTokenizer(folder, embedded, signal);
  if (tokenizer === undefined) throw new RequestError(`${folder.label}: there is no tokenizer.json`);
  return tokenizer;
}

const textsForm = 'a JSON array of texts: ["a text", "another one"]';
const idListsForm = "a JSON array of arrays of token ids: [[1,2,3],[4]]";

function texts(value: JsonValue): readonly string[] {
  if (Array.isArray(value) && value.every((text) => typeof text === "string")) return value;
  throw new UsageError(`standard input must hold ${textsForm}`);
}

function idLists(value: JsonValue): readonly (readonly number[])[] {
  const isList = (ids: JsonValue): ids is readonly number[] => Array.isArray(ids) && ids.every(Number.isInteger);
  if (Array.isArray(value) && value.every(isList)) return value;
  throw new UsageError(`standard input must hold ${idListsForm}`);
}

function encodeJson(tokenizer: Tokenizer, text: string): object {
  return { ids: tokenizer.encode(text), idsWithoutSpecial: tokenizer.encode(text, { addSpecial: false }) };
}

function decodeJson(tokenizer: Tokenizer, ids: readonly number[]): object {
  return { text: tokenizer.decode(ids), textSkipSpecial: tokenizer.decode(ids, { skipSpecial: true }) };
}

/** A line for each token: its id, its text as a JSON text, and what is special about it. */
function describe(tokenizer: Tokenizer, text: string, terminal: Terminal): void {
  const { dim } = terminal.colors;
  const ids = tokenizer.encode(text);
  const stream = tokenizer.decodeStream();
  const rows = ids.map((id) => {
    const piece = stream.push(id);
    const token = tokenizer.token(id) ?? "";
    const note = tokenizer.isSpecial(id) ? "special" : piece === "" ? "text comes with the next ones" : "";
    return [String(id), visibleControls(JSON.stringify(piece)), dim(visibleControls(token)), dim(note)];
  });
  const rest = stream.finish();
  if (rest !== "") rows.push(["", visibleControls(JSON.stringify(rest)), "", dim("text held back until the end")]);
  if (rows.length > 0) terminal.print(formatTable(rows, ["right", "left", "left", "left"]));
  terminal.note(`${counted(ids.length, "token")}, ${counted(text.length, "character")}`);
}
