import type { ChildProcess } from "node:child_process";
import { describe, expect, test } from "vitest";
import { fewbit, hasNative, isBuilt } from "./fewbit.ts";

const endless = ["run", "-p", "Tell me a long story.", "--raw", "--ignore-eos", "--max-tokens", "4000"];

/** Runs once the program has begun to answer. */
function onFirstOutput(act: (child: ChildProcess) => void): (child: ChildProcess) => void {
  return (child) => void child.stdout?.once("data", () => act(child));
}

describe.skipIf(!isBuilt)("waiting for standard input", () => {
  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)("%s ends it with %i and no complaint", async (signal, code) => {
    // More than a pipe holds: when all of it is gone, the program reads.
    const input = "x".repeat(2 ** 20);
    const during = (child: ChildProcess): void => void child.stdin?.once("drain", () => child.kill(signal));
    expect(await fewbit(["run"], { input, isOpen: true, during })).toEqual({ code, stdout: "", stderr: "" });
  });
});

describe.skipIf(!isBuilt || !hasNative)("a long answer", () => {
  test("SIGTERM ends it with 143, in order", async () => {
    const { code, stderr } = await fewbit(endless, { during: onFirstOutput((child) => child.kill("SIGTERM")) });
    expect({ code, stderr }).toEqual({ code: 143, stderr: "" });
  });

  test("Ctrl-C ends it with 130 and no complaint", async () => {
    const { code, stdout, stderr } = await fewbit(endless, { during: onFirstOutput((child) => child.kill("SIGINT")) });
    expect({ code, stderr }).toEqual({ code: 130, stderr: "" });
    expect(stdout).not.toBe("");
  });

  test("Ctrl-C leaves no JSON behind that looks whole", async () => {
    const interrupt = (child: ChildProcess): void => void setTimeout(() => child.kill("SIGINT"), 1500);
    expect(await fewbit([...endless, "--json"], { during: interrupt })).toEqual({ code: 130, stdout: "", stderr: "" });
  });

  test("a reader that has had enough ends it quietly", async () => {
    const { code, stderr } = await fewbit(endless, { during: onFirstOutput((child) => child.stdout?.destroy()) });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  });
});
