import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { byteLevelTokenizer } from "../fixtures/tiny-tokenizers.ts";
import { expectFailure, fewbit, fewbitJson, isBuilt, scratchFolder } from "./fewbit.ts";

/** Nothing but a tokenizer.json. Ids 0 to 255 are bytes, 260 is the end of a turn. */
function folder(): string {
  const path = scratchFolder();
  writeFileSync(join(path, "tokenizer.json"), JSON.stringify(byteLevelTokenizer()));
  return path;
}

describe.skipIf(!isBuilt)("tokenize", () => {
  test("texts on standard input, for scripts", async () => {
    const found = await fewbitJson(["tokenize", folder()], { input: '["the😀", "", "a<|end|>"]' });
    expect(found).toEqual([
      { ids: [257, 259, 260], idsWithoutSpecial: [257, 259, 260] },
      { ids: [], idsWithoutSpecial: [] },
      { ids: [97, 261], idsWithoutSpecial: [97, 261] },
    ]);
  });

  test("ids on standard input, for scripts", async () => {
    const found = await fewbitJson(["tokenize", folder(), "--decode"], { input: "[[97,261],[],[240,159]]" });
    expect(found).toEqual([
      { text: "a<|end|>", textSkipSpecial: "a" },
      { text: "", textSkipSpecial: "" },
      { text: "\uFFFD", textSkipSpecial: "\uFFFD" },
    ]);
  });

  test("for people: a line for each token, and what a text of strangers says to a terminal is seen", async () => {
    const { code, stdout } = await fewbit(["tokenize", folder(), "the\u001b<|end|>"]);
    expect(code).toBe(0);
    expect(stdout.split("\n")).toEqual([
      '257  "the"      the',
      ' 27  "\\u001b"   ě',
      '261  "<|end|>"  <|end|>  special',
      "",
    ]);
    expect((await fewbit(["tokenize", folder(), "--ids", "257,27"])).stdout).toBe("the\u241b\n");
  });

  test.each<[RegExp, number, readonly string[], string?]>([
    [/must hold a JSON array of texts/, 2, ["--json"], "{}"],
    [/must hold a JSON array of arrays/, 2, ["--decode"], "[1]"],
    [/standard input: is not valid JSON/, 1, ["--json"], "["],
    [/with a text or --ids it has nothing to do/, 2, ["--decode", "--ids", "1"]],
    [/there is no tokenizer.json/, 1, ["-m", import.meta.dirname, "-p", "x"]],
  ])("%s", async (message, status, args, input = "") => {
    const model = args.includes("-m") ? [] : [folder()];
    expectFailure(await fewbit(["tokenize", ...model, ...args], { input }), status, message);
  });
});
