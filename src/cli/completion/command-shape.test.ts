import { Command, Option } from "commander";
import { expect, test } from "vitest";
import { allCommands, shapeOf } from "./command-shape.ts";

test("what help shows is what is completed", () => {
  const program = new Command("fewbit");
  const evaluate = program.command("eval").description("measures");
  evaluate
    .command("logits")
    .argument("[model]")
    .option("-m, --model <model>", "which")
    .option("--out <file>", "where to")
    .option("--raw", "as it is")
    .option("--ids <ids>", "what")
    .addOption(new Option("--dtype <type>", "of what").choices(["f32", "f16"]))
    .addOption(new Option("--type <type>").hideHelp());
  const [root, , logits] = allCommands(shapeOf(program));
  expect([root.path, root.subcommands.map(({ summary }) => summary)]).toEqual(["", ["measures"]]);
  expect(logits).toMatchObject({ path: "/eval/logits", argument: "model" });
  expect(logits.flags.map(({ names, value }) => [names.join(), value])).toEqual([
    ["-m,--model", "model"],
    ["--out", "file"],
    ["--raw", undefined],
    ["--ids", "text"],
    ["--dtype", { choices: ["f32", "f16"] }],
    ["-h,--help", undefined],
  ]);
});
