import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { expectFailure, fewbit, isBuilt, scratchFolder } from "./fewbit.ts";

/** A word that is completed, as the last of a command line, and what must and must not be offered. */
const cases: readonly (readonly [line: string, offered: readonly string[], others: readonly string[]])[] = [
  ["fewbit ", ["run", "chat", "inspect", "eval", "bench", "doctor", "completion"], []],
  ["fewbit ins", ["inspect"], ["run"]],
  ["fewbit eval ", ["logits", "ppl"], ["run"]],
  ["fewbit eval logits --o", ["--out"], ["--ids"]],
  ["fewbit bench run --rep", ["--repetitions"], ["--repetition-penalty"]],
  ["fewbit run --rep", ["--repetition-penalty"], ["--repetitions"]],
  ["fewbit run --te", ["--temperature"], ["--temp"]],
  ["fewbit run --backend ", ["auto", "cpu", "reference"], ["--quiet"]],
  ["fewbit completion f", ["fish"], ["bash"]],
  ["fewbit inspect my", ["my-model.gguf", "my-models"], ["my-notes.txt"]],
  ["fewbit eval logits --out my", ["my-notes.txt"], []],
];

/** Fish offers all files for a model, and leaves the choice to people. */
const fishOffersAll = "my-notes.txt";

function folder(): string {
  const path = scratchFolder();
  for (const name of ["my-model.gguf", "my-notes.txt"]) writeFileSync(join(path, name), "");
  mkdirSync(join(path, "my-models"));
  return path;
}

const has = (shell: string): boolean => {
  const isThere = spawnSync(shell, ["--version"]).status === 0;
  if (!isThere) console.log(`skipped: there is no ${shell} here`);
  return isThere;
};

/** Runs a script in a shell, in a folder with things to complete. */
function run(shell: string, args: readonly string[], script: string): string {
  const { stdout, stderr, status } = spawnSync(shell, [...args, "-c", script], { cwd: folder(), encoding: "utf8" });
  expect({ stderr, status }).toEqual({ stderr: "", status: 0 });
  return stdout;
}

/** Made once for each shell. */
const scripts = new Map<string, Promise<string>>();

function scriptOf(shell: string): Promise<string> {
  let script = scripts.get(shell);
  if (script === undefined) scripts.set(shell, (script = fewbit(["completion", shell]).then(({ stdout }) => stdout)));
  return script;
}

function expectOffers(stdout: string, offered: readonly string[], others: readonly string[]): void {
  const words = stdout.split("\n").map((line) => line.split("\t")[0].replace(/\/$/, ""));
  for (const word of offered) expect(words).toContain(word);
  for (const word of others) expect(words).not.toContain(word);
}

describe.skipIf(!isBuilt || !has("bash"))("bash", () => {
  test.each(cases)("%s", async (line, offered, others) => {
    const words = line.split(" ").map((word) => `'${word}'`);
    const drive = `COMP_WORDS=(${words.join(" ")}); COMP_CWORD=${words.length - 1}; _fewbit; printf '%s\\n' "\${COMPREPLY[@]}"`;
    expectOffers(run("bash", ["--norc", "--noprofile"], `${await scriptOf("bash")}\n${drive}`), offered, others);
  });

  test("a value after an equals sign, which bash takes for a word", async () => {
    const drive = `COMP_WORDS=(fewbit run --dtype = f); COMP_CWORD=4; _fewbit; printf '%s\\n' "\${COMPREPLY[@]}"`;
    expectOffers(run("bash", ["--norc"], `${await scriptOf("bash")}\n${drive}`), ["f32", "f16"], ["bf16", "auto"]);
  });

  test("it is registered, in a shell without the package bash-completion", async () => {
    expect(run("bash", ["--norc"], `${await scriptOf("bash")}\ncomplete -p fewbit`)).toBe(
      "complete -F _fewbit fewbit\n",
    );
  });
});

describe.skipIf(!isBuilt || !has("fish"))("fish", () => {
  test.each(cases)("%s", async (line, offered, others) => {
    const stdout = run("fish", ["--no-config"], `${await scriptOf("fish")}\ncomplete -C '${line}'`);
    expectOffers(
      stdout,
      offered,
      others.filter((word) => word !== fishOffersAll),
    );
  });
});

test.skipIf(!isBuilt || !has("zsh"))("zsh takes the script after compinit", async () => {
  const script = await scriptOf("zsh");
  const start = "autoload -Uz compinit; compinit -u -D";
  expect(run("zsh", ["-f"], `${start}\n${script}\nprint $_comps[fewbit] $+functions[_fewbit_eval_logits]`)).toBe(
    "_fewbit 1\n",
  );
});

test.skipIf(!isBuilt)("another shell is wrong usage", async () => {
  expectFailure(await fewbit(["completion", "tcsh"]), 2, /tcsh.*bash, zsh, fish/);
  expectFailure(await fewbit(["completion"]), 2, /shell/);
});
