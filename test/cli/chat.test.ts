import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { textOf, tinyModel } from "../support/tiny-model.ts";
import { expectFailure, fewbit, fewbitJson, golden, hasNative, isBuilt, scratchFolder } from "./fewbit.ts";

/** The tiny model on the disk; its template puts messages one behind the other, and a character is a token. */
async function modelFolder(): Promise<string> {
  const path = scratchFolder();
  const folder = tinyModel();
  for (const name of await folder.list()) {
    await using source = await folder.open(name);
    writeFileSync(join(path, name), await source.read(0, source.size));
  }
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
    expect(stderr).toMatch(/^\(the conversation is forgotten\)\nfewbit: there is no command \/nonsense.*\n\(system /);
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
