import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command, Option } from "commander";
import { afterAll, expect, test } from "vitest";
import { addOptionWithAliases } from "./alias-option.ts";
import { addConfiguredFlags } from "./configured-flags.ts";
import { integer } from "./parse-number.ts";

const folder = await mkdtemp(join(tmpdir(), "fewbit-config-"));
afterAll(() => rm(folder, { recursive: true }));

/** The flags that a command is run with. */
async function flagsOf(args: readonly string[], config: object | string, environment: Record<string, string> = {}) {
  const path = join(folder, "config.yaml");
  await writeFile(path, typeof config === "string" ? config : JSON.stringify(config, null, "\t"));
  let flags: Record<string, unknown> = {};
  const command = new Command("serve")
    .exitOverride()
    .addOption(new Option("--port <port>").argParser(integer({ from: 0, to: 65535 })).default(8000))
    .option("--host <address>", "", "127.0.0.1")
    .option("--api-key <key>", "", (key: string, keys: readonly string[] = []) => [...keys, key])
    .option("--served-model-name <names...>")
    .option("--in-process");
  addOptionWithAliases(command, new Option("--ctx-size <count>").argParser(integer({ from: 1 })), ["--max-model-len"]);
  command.action((given: Record<string, unknown>) => void (flags = given));
  addConfiguredFlags(command, "FEWBIT_SERVE", environment);
  await command.parseAsync([...args, "--config", path], { from: "user" });
  const { config: _, ...rest } = flags;
  return rest;
}

test("the command line comes before the environment, this before the file, and this before what is usual", async () => {
  const file = { port: 1, host: "file", "in-process": true, apiKey: ["a", "b"], served_model_name: ["x"] };
  expect(await flagsOf(["--port", "3"], file, { FEWBIT_SERVE_PORT: "2", FEWBIT_SERVE_HOST: "environment" })).toEqual({
    ...{ port: 3, host: "environment", inProcess: true, apiKey: ["a", "b"], servedModelName: ["x"] },
  });
  expect(await flagsOf([], {})).toEqual({ port: 8000, host: "127.0.0.1" });
});

test("YAML, with words as they are on a command line", async () => {
  const yaml = `# of one machine
port: 8080 # not 8000
in-process: True
served-model-name: [1.10, "two"]
api-key:
  - 0123
max-model-len: 4096
`;
  expect(await flagsOf([], yaml)).toEqual({
    ...{ port: 8080, host: "127.0.0.1", inProcess: true, servedModelName: ["1.10", "two"], apiKey: ["0123"] },
    ctxSize: 4096,
  });
  expect(await flagsOf([], "# nothing yet")).toEqual({ port: 8000, host: "127.0.0.1" });
});

test("another name of a flag comes no sooner than the flag", async () => {
  const file = { "max-model-len": 1 };
  expect(await flagsOf([], file, { FEWBIT_SERVE_CTX_SIZE: "2" })).toMatchObject({ ctxSize: 2 });
  expect(await flagsOf(["--ctx-size", "3"], file)).toMatchObject({ ctxSize: 3 });
  await expect(flagsOf([], { "max-model-len": 1, "ctx-size": 1 })).rejects.toThrow("is given twice");
});

test.each([
  [{ prot: 1 }, "prot is no flag of this command (did you mean port?)"],
  [{ maxModelLength: 1 }, "(did you mean max-model-len?)"],
  [{ config: "other.yaml" }, "config is no flag"],
  [{ port: "x" }, 'port: "x" is refused'],
  [{ port: [1] }, '["1"]'],
  [{ host: ["a"] }, "is not what --host"],
  [{ host: { a: 1 } }, "neither a value nor a list"],
  [{ "api-key": [["a"]] }, "neither a value nor a list"],
  ["host:", "host: has no value"],
  [{ inProcess: "perhaps" }, "is not what --in-process"],
  [[], "must hold flags"],
  ["port 8000", "must hold flags"],
  ["port: 1\nport: 2", "is not valid YAML: Map keys must be unique at line 2"],
  ["port: [", "is not valid YAML"],
  ["host: !!js/function x", "is not valid YAML: Unresolved tag"],
  ["? ".repeat(1000), "nested too deeply"],
  ["[".repeat(1000), "nested too deeply"],
  [`host: ${"a".repeat(2 ** 16)}`, "at most 65536"],
])("refuses %j", async (config, message) => {
  await expect(flagsOf([], config)).rejects.toThrow(message);
});
