import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ChildProcess } from "node:child_process";
import { describe, expect, test } from "vitest";
import { textOf, tinyModel } from "../support/tiny-model.ts";
import { writeFolder } from "../support/write-folder.ts";
import { expectFailure, fewbit, fewbitJson, golden, hasNative, isBuilt, scratchFolder } from "./fewbit.ts";

/** The tiny model on the disk; its template puts messages one behind the other, and a character is a token. */
async function modelFolder(): Promise<string> {
  const path = scratchFolder();
  await writeFolder(tinyModel(), path);
  return path;
}

interface ChatJson {
  readonly messages: readonly { readonly role: string; readonly content: string }[];
}

const flags = ["--backend", "reference", "--temperature", "0", "--ignore-eos", "--max-tokens", "4"] as const;
const say = (...ids: readonly number[]): string => textOf(ids);

describe.skipIf(!isBuilt)("a chat that is piped in", () => {
  test("answers line by line, with all that was said before", async () => {
    const model = await modelFolder();
    const { messages } = await fewbitJson<ChatJson>(["chat", model, ...flags], {
      input: `${say(20, 21)}\n${say(22)}\\\n\n/help\n`,
    });
    expect(messages.map(({ role }) => role)).toEqual(["user", "assistant", "user", "assistant"]);
    expect([messages[0].content, messages[2].content]).toEqual([say(20, 21), `${say(22)}\n`]);
    // What came before counts: the same question in a run of its own has another answer.
    const prompt = say(20, 21) + messages[1].content + `${say(22)}\n`;
    const run = await fewbitJson<{ text: string }>(["run", "-m", model, "-p", prompt, ...flags]);
    expect(messages[3].content).toBe(run.text);
  });

  test("streams to stdout, notes go to stderr", async () => {
    const model = await modelFolder();
    const input = `${say(20)}\n/clear\n/nonsense\n/system ${say(9)}\n/exit\n${say(30)}\n`;
    const { code, stdout, stderr } = await fewbit(["chat", model, ...flags], { input });
    expect(code).toBe(0);
    expect(stdout.trim().split("\n")).toHaveLength(1);
    expect(stderr).toMatch(/^\(the conversation is forgotten\)\nfewbit: there is no command "\/nonsense".*\n\(system /);
  });

  test("forgets the oldest turns when the context is full, and says so", async () => {
    const model = await modelFolder();
    const lines = [1, 2, 3].map((i) => say(...Array<number>(12).fill(20 + i)));
    const args = ["chat", model, ...flags, "--ctx-size", "40"];
    const { code, stderr } = await fewbit(args, {
      input: `${lines.join("\n")}\n${say(...Array<number>(60).fill(30))}\n`,
    });
    expect(code).toBe(0);
    expect(stderr).toMatch(/^\(the context is full: the oldest 2 messages are forgotten\)\nfewbit: this message alone/);
  });

  test("takes back, tries again, saves and loads", async () => {
    const model = await modelFolder();
    const file = join(scratchFolder(), "chat.json");
    const input = [say(20), say(21), "/undo", "/retry", `/save ${file}`, "/reset", `/load ${file}`, say(22)];
    const { messages } = await fewbitJson<ChatJson>(["chat", model, ...flags], { input: input.join("\n") });
    expect(messages.map(({ role }) => role)).toEqual(["user", "assistant", "user", "assistant"]);
    expect([messages[0].content, messages[2].content]).toEqual([say(20), say(22)]);
    const saved = JSON.parse(readFileSync(file, "utf8")) as ChatJson;
    expect(saved.messages).toEqual(messages.slice(0, 2));
    const again = await fewbit(["chat", model, ...flags], { input: `${say(20)}\n/save ${file}\n/undo\n/undo\n` });
    expect(again.stderr).toMatch(
      /is there already; \/save -f .*\n\(the last question.*\n.*nothing has been asked yet\n$/,
    );
  });

  test("/set is a flag that comes later", async () => {
    const model = await modelFolder();
    const input = `/set n-predict 2\n${say(20)}\n/set top-p 7\n`;
    const { messages } = await fewbitJson<ChatJson>(["chat", model, ...flags], { input });
    expect([...messages[1].content]).toHaveLength(2);
  });

  test("a line without an end is refused before the memory is full", async () => {
    const model = await modelFolder();
    const outcome = await fewbit(["chat", model, ...flags], { input: "x".repeat(2 ** 21) });
    expectFailure(outcome, 2, /a line on standard input has more than 1048576 bytes/);
  });

  test("Ctrl-C while it waits for a line leaves with 130", async () => {
    const model = await modelFolder();
    const interrupt = (child: ChildProcess): void =>
      void child.stderr?.once("data", () => setTimeout(() => child.kill("SIGINT"), 100));
    const outcome = await fewbit(["chat", model, ...flags], { input: "/undo\n", isOpen: true, during: interrupt });
    expect(outcome).toEqual({ code: 130, stdout: "", stderr: "fewbit: nothing has been asked yet\n" });
  });

  test("a model that cannot chat says so at once", async () => {
    const outcome = await fewbit(["chat", golden("arch/llama3").path, "--backend", "reference"], { input: "Hi\n" });
    expectFailure(outcome, 1, /no chat template/);
  });
});

test.skipIf(!isBuilt || !hasNative)("Ctrl-C stops an answer and not the conversation", async () => {
  const { code, stdout, stderr } = await fewbit(["chat", "--ignore-eos", "--quiet", "--max-tokens", "4000"], {
    input: "Tell me a long story.\n/exit\n",
    during: (child) => void child.stdout?.once("data", () => child.kill("SIGINT")),
  });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(/^.+\n$/s);
});
