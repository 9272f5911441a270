import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command, Option } from "commander";
import { afterAll, expect, test } from "vitest";
import { addConfiguredFlags } from "./configured-flags.ts";
import { integer } from "./parse-number.ts";

const folder = await mkdtemp(join(tmpdir(), "fewbit-config-"));
afterAll(() => rm(folder, { recursive: true }));

/** The flags that a command is run with. */
async function flagsOf(args: readonly string[], config: unknown, environment: Record<string, string> = {}) {
  const path = join(folder, "config.json");
  await writeFile(path, JSON.stringify(config));
  let flags: Record<string, unknown> = {};
  const command = new Command("serve")
    .exitOverride()
    .addOption(new Option("--port <port>").argParser(integer({ from: 0, to: 65535 })).default(8000))
    .option("--host <address>", "", "127.0.0.1")
    .option("--api-key <key>", "", (key: string, keys: readonly string[] = []) => [...keys, key])
    .option("--served-model-name <names...>")
    .option("--in-process")
    .action((given: Record<string, unknown>) => void (flags = given));
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

test.each([
  [{ prot: 1 }, "prot is no flag"],
  [{ port: "x" }, 'port: "x" is refused'],
  [{ port: [1] }, "[1]"],
  [{ host: { a: 1 } }, "is not what --host"],
  [{ inProcess: "perhaps" }, "is not what --in-process"],
  [[], "must hold a JSON object"],
])("refuses %j", async (config, message) => {
  await expect(flagsOf([], config)).rejects.toThrow(message);
});
