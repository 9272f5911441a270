import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { tinyModel } from "../support/tiny-model.ts";
import { writeFolder } from "../support/write-folder.ts";
import { exact, expectFailure, fewbit, fewbitJson, golden, hasNative, isBuilt, scratchFolder } from "./fewbit.ts";

interface RunJson {
  readonly ids: readonly number[];
  readonly text: string | null;
  readonly finishReason: string;
  readonly usage: { readonly promptTokens: number; readonly completionTokens: number };
  readonly timings: Readonly<Record<string, number>>;
  readonly backend: string;
  readonly kernels: Readonly<Record<string, number>>;
  readonly promptIds?: readonly number[];
}

const llama = golden("arch/llama3");
const ids = (values: readonly number[]): string => values.join(",");
const onCpu = [
  ["arch/llama3", "cpu", 64],
  ["models/gptq-4b-g128-asym-actorder", "cpu", 64],
] as const;
const greedy = ["--temperature", "0", "--ignore-eos"] as const;

describe.skipIf(!isBuilt)("token ids in, token ids out", () => {
  test.each([["arch/llama3", "reference", 16], ...(hasNative ? onCpu : [])] as const)(
    "%s on %s",
    async (name, backend, count) => {
      const { path, promptIds, greedyIds } = golden(name);
      const flags = [...greedy, ...exact, "--backend", backend, "--max-tokens", String(count)];
      const result = await fewbitJson<RunJson>(["run", path, "--ids", ids(promptIds), ...flags]);
      expect(Object.keys(result)).toEqual(["ids", "text", "finishReason", "usage", "timings", "backend", "kernels"]);
      expect(result).toMatchObject({
        ids: greedyIds.slice(0, count),
        text: null, // these have no tokenizer
        finishReason: "length",
        usage: { promptTokens: promptIds.length, completionTokens: count },
        backend,
      });
      const names = ["loadMs", "prefillMs", "decodeMs", "prefillTokensPerSecond", "decodeTokensPerSecond"];
      expect(Object.keys(result.timings)).toEqual(names);
      for (const value of Object.values(result.timings)) expect(value).toBeGreaterThan(0);
      for (const count of Object.values(result.kernels)) expect(count).toBeGreaterThan(0);
    },
  );

  test("ids from a file; without --json they are printed as they come", async () => {
    const file = join(scratchFolder(), "ids.json");
    writeFileSync(file, JSON.stringify(llama.promptIds));
    const args = ["run", llama.path, "--ids", `@${file}`, ...greedy, ...exact, "--max-tokens", "4"];
    const { code, stdout, stderr } = await fewbit([...args, "--quiet"]);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: `${ids(llama.greedyIds.slice(0, 4))}\n`, stderr: "" });
  });

  test("a prompt of one token", async () => {
    const result = await fewbitJson<RunJson>(["run", llama.path, "--ids", "5", "--max-tokens", "2", ...greedy]);
    expect(result.usage).toEqual({ promptTokens: 1, cachedTokens: 0, completionTokens: 2 });
  });

  test("the answer ends with the context", async () => {
    const args = ["run", llama.path, "--ids", "5,6,7", "--ctx-size", "8", ...greedy];
    const result = await fewbitJson<RunJson>(args);
    expect(result).toMatchObject({ finishReason: "length", usage: { promptTokens: 3, completionTokens: 5 } });
  });

  test("a seed decides", async () => {
    const sample = (seed: number): Promise<RunJson> =>
      fewbitJson([
        "run",
        llama.path,
        "--ids",
        "5,6",
        "--temperature",
        "2",
        "--max-tokens",
        "12",
        "--seed",
        String(seed),
      ]);
    const [first, again, other] = [await sample(1), await sample(1), await sample(2)];
    expect(again.ids).toEqual(first.ids);
    expect(other.ids).not.toEqual(first.ids);
  });
});

describe.skipIf(!isBuilt)("what cannot run says why", () => {
  test.each([
    [
      "a prompt longer than the context",
      ["--ids", "1,2,3,4,5", "--ctx-size", "4"],
      /the prompt has 5 tokens, .* --ctx-size/,
    ],
    ["an id that the model does not have", ["--ids", "999999"], /--ids: 999999 is no token/],
    ["text for a model without a tokenizer", ["-p", "Hello", "--raw"], /no tokenizer\.json/],
    ["a chat with a model without text", ["-p", "Hello"], /no tokenizer\.json; give token ids with --ids/],
  ])("%s", async (_, args, message) => {
    expectFailure(await fewbit(["run", llama.path, ...args, "--quiet", "--json"]), 1, message);
  });
});

test.skipIf(!isBuilt)("a model with a tokenizer and no chat template is told how to go on", async () => {
  const folder = scratchFolder();
  await writeFolder(tinyModel({ without: ["tokenizer_config.json"] }), folder);
  expectFailure(await fewbit(["run", folder, "-p", "Hello", "--json"]), 1, /no chat template; --raw continues/);
  const nothing = ["run", folder, "--raw", "-p", "", "--json", "--quiet"];
  expectFailure(await fewbit(nothing), 1, /the prompt has no tokens/);
});

describe.skipIf(!isBuilt || !hasNative)("the embedded model", () => {
  const question = "What is the capital of France?";
  const short = ["--max-tokens", "8", "--temperature", "0"] as const;

  test("answers, and says the same in every way it is asked", async () => {
    const asJson = await fewbitJson<RunJson>(["run", question, ...short]);
    expect(asJson.text).toContain("Paris");
    expect(asJson.promptIds?.length).toBe(asJson.usage.promptTokens);
    const [asArgument, fromStdin] = await Promise.all([
      fewbit(["run", "-p", question, ...short]),
      fewbit(["run", ...short], { input: `${question}\n` }),
    ]);
    for (const outcome of [asArgument, fromStdin])
      expect(outcome).toEqual({ code: 0, stdout: `${asJson.text}\n`, stderr: "" });
    const fromIds = await fewbitJson<RunJson>(["run", "--ids", ids(asJson.promptIds ?? []), ...short]);
    expect(fromIds).toMatchObject({ ids: asJson.ids, text: asJson.text });
    expect(fromIds.promptIds).toBeUndefined();
  });

  test("--raw leaves the template out, --system puts a message in", async () => {
    const promptOf = async (...args: readonly string[]): Promise<readonly number[]> =>
      (await fewbitJson<RunJson>(["run", "-p", "Once", "--max-tokens", "1", ...args])).promptIds ?? [];
    expect(await promptOf("--raw")).toHaveLength(1);
    expect((await promptOf("--system", "Be brief.")).length).toBeGreaterThan(8);
  });

  test("--stop ends before its text, --verbose says what runs", async () => {
    const args = ["run", question, "--temperature", "0", "--stop", " of", "--verbose"];
    const { code, stdout, stderr } = await fewbit(args);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "The capital\n" });
    expect(stderr).toMatch(/^model .*\ndevice .*\nkernels .*\nmemory .*\nloaded .*\nprompt .*\nanswer .*ended by stop/);
  });
});
