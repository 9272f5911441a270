import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { textOf, tinyModel } from "../support/tiny-model.ts";
import { writeFolder } from "../support/write-folder.ts";
import { isBuilt, scratchFolder } from "./fewbit.ts";
import { hasTerminal, TestTerminal, type TerminalOptions } from "./terminal.ts";

const flags = ["--backend", "reference", "--temperature", "0", "--ignore-eos"] as const;
const question = textOf([20, 21]);
/** The tiny model speaks in CJK characters, which are two columns wide. */
const wide = "[\\u4e00-\\u4eff]";
const prompt = /^>$/m;

/** A chat with the tiny model, at its first prompt. */
async function chat(args: readonly string[], options?: TerminalOptions): Promise<TestTerminal> {
  const model = scratchFolder();
  await writeFolder(tinyModel(), model);
  const terminal = new TestTerminal(["chat", model, ...flags, ...args], options);
  await terminal.shows(prompt);
  return terminal;
}

describe.skipIf(!isBuilt || !hasTerminal)("a chat in a terminal", { timeout: 60_000 }, () => {
  test("wide characters come one by one and wrap where the terminal does", async () => {
    const terminal = await chat(["--max-tokens", "60"], { columns: 41 });
    terminal.press(question, "Enter");
    const screen = await terminal.shows(/^>$/m);
    const [, answer = ""] = new RegExp(`> ${question}\\n((?:${wide}|\\n)+)\\n>$`).exec(screen) ?? [];
    expect(answer.replaceAll("\n", "")).toHaveLength(60);
    // 41 columns hold 20 of them.
    expect(answer.split("\n").map((line) => line.length)).toEqual([20, 20, 20]);
  });

  test("Ctrl-C stops the answer, what was typed meanwhile is there, another two leave with 130", async () => {
    const terminal = await chat(["--max-tokens", "2000", "--ctx-size", "4096"]);
    terminal.press(question, "Enter");
    await terminal.shows(new RegExp(`^${wide}{3}`, "m"));
    terminal.press("typed ahead");
    terminal.press("C-c");
    const stopped = await terminal.shows(/^\(stopped\)\n> typed ahead$/m);
    expect(stopped.match(/typed ahead/g)).toHaveLength(1);
    terminal.press("C-c");
    await terminal.shows(/^> typed ahead\^C\n>$/m);
    terminal.press("C-c");
    await terminal.shows(/^\(Ctrl-C again leaves.*\)\n>$/m);
    terminal.press("C-c");
    await terminal.shows(/^status 130$/m);
  });

  test("a terminal that changes its size takes nothing from the answer, and adds nothing", async () => {
    const terminal = await chat(["--max-tokens", "200"], { columns: 100 });
    terminal.press(question, "Enter");
    await terminal.shows(new RegExp(`^${wide}{3}`, "m"));
    for (const columns of [60, 100, 80]) terminal.resize(columns, 24);
    const screen = await terminal.shows(/^>$/m);
    const [, answer = ""] = new RegExp(`> ${question}\\n((?:${wide}|\\n)+)\\n>$`).exec(screen) ?? [];
    expect(answer.replaceAll("\n", "")).toHaveLength(200);
  });

  test("what is pasted keeps its lines, and no line of it is a command", async () => {
    const terminal = await chat(["--max-tokens", "1"]);
    const saved = join(scratchFolder(), "chat.json");
    terminal.paste(`${question}\n/exit\n\\\n`);
    await terminal.shows(/^…$/m);
    terminal.press(textOf([22]), "Enter");
    await terminal.shows(prompt);
    terminal.press(`/save ${saved}`, "Enter");
    await terminal.shows(/2 messages in/);
    const { messages } = JSON.parse(readFileSync(saved, "utf8")) as { messages: readonly { content: string }[] };
    expect(messages[0].content).toBe(`${question}\n/exit\n\\\n${textOf([22])}`);
    terminal.press("C-d");
    await terminal.shows(/^status 0$/m);
  });

  test("the next chat knows what was typed; --no-history does not", async () => {
    const file = join(scratchFolder(), "state", "history");
    const env = { FEWBIT_CHAT_HISTORY: file };
    const first = await chat(["--max-tokens", "1"], { env });
    first.press(question, "Enter");
    await first.shows(prompt);
    first.press("/exit", "Enter");
    await first.shows(/^status 0$/m);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const next = await chat([], { env });
    next.press("Up", "Up");
    await next.shows(new RegExp(`^> ${question}$`, "m"));
    const other = await chat(["--no-history"], { env });
    other.press("Up", "x");
    await other.shows(/^> x$/m);
    expect(readFileSync(file, "utf8")).toBe(`${JSON.stringify(question)}\n"/exit"\n`);
  });

  test("the tab key completes commands, settings and files; Ctrl-L clears", async () => {
    const terminal = await chat([]);
    terminal.press("/he");
    terminal.press("Tab");
    await terminal.shows(/^> \/help$/m);
    terminal.press("C-u");
    terminal.press("/set temper");
    terminal.press("Tab");
    await terminal.shows(/^> \/set temperature$/m);
    terminal.press(" 0.5", "Enter");
    await terminal.shows(/^temperature +0\.5$/m);
    terminal.press("C-l");
    await terminal.shows(/^>$/);
  });

  test.each([
    ["colours", {}, true],
    ["no colours with NO_COLOR", { NO_COLOR: "1" }, false],
    ["no colours in a dumb terminal", { TERM: "dumb" }, false],
  ])("%s", async (_, env, hasColors) => {
    const terminal = await chat([], { env });
    terminal.press('"""', "Enter");
    await terminal.shows(/^…$/m);
    // eslint-disable-next-line no-control-regex -- looks for escape sequences that choose a colour
    expect(/\x1b\[[1-9]/.test(terminal.screen(true))).toBe(hasColors);
  });

  test("loading leaves no bar behind, and the figures stand below the answer", async () => {
    const model = scratchFolder();
    await writeFolder(tinyModel(), model);
    const terminal = new TestTerminal(["run", "-m", model, "-p", question, ...flags, "--max-tokens", "2"]);
    const screen = await terminal.shows(/^status 0$/m);
    expect(screen).toMatch(new RegExp(`^${wide}{2}\\nprompt +\\d+ tokens.*\\nanswer +2 tokens.*\\nstatus 0$`));
  });
});
