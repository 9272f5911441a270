import { Command, InvalidArgumentError, Option } from "commander";
import { expect, test } from "vitest";
import { addOptionWithAliases } from "./alias-option.ts";

function command(): Command {
  const parent = new Command().exitOverride().configureOutput({ writeErr: () => undefined });
  const parse = (text: string, before: readonly string[] = []): readonly string[] => {
    if (text === "") throw new InvalidArgumentError("It must not be empty.");
    return [...before, text];
  };
  addOptionWithAliases(parent, new Option("-s, --stop <text>", "ends the answer").argParser(parse), ["--end-text"]);
  return parent;
}

test("both names are one flag", () => {
  expect(command().parse(["--stop", "a", "--end-text=b", "-s", "c"], { from: "user" }).opts()).toEqual({
    stop: ["a", "b", "c"],
  });
});

test("values are checked alike, in the name that was typed", () => {
  expect(() => command().parse(["--end-text", ""], { from: "user" })).toThrow(/--end-text <text>.*must not be empty/);
});

test("help names the alias at its flag, and nowhere else", () => {
  const lines = command().helpInformation().split("\n");
  expect(lines.filter((line) => line.includes("--end-text"))).toEqual([
    "  -s, --stop <text>  ends the answer (also --end-text)",
  ]);
});
