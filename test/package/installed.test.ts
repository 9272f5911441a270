import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { exact, golden } from "../cli/fewbit.ts";
import { pack, root, run, runNode, type Run } from "./packed.ts";

/**
 * Both tarballs, installed into an empty folder as a user would, on a machine that has Node and a shell and nothing else. The
 * dependencies come from npm's cache or the registry; without either there is nothing to test.
 */

const executable = (name: string): string | undefined =>
  (process.env.PATH ?? "")
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));
const npm = executable("npm");

function reasonToSkip(): string | undefined {
  if (process.platform === "win32") return "the PATH without a compiler is made of symbolic links";
  if (npm === undefined) return "there is no npm on PATH";
  if (!existsSync(join(root, "dist", "cli.mjs"))) return "there is no dist/, npm run build makes it";
  if (!existsSync(join(root, "build", "native", `${process.platform}-${process.arch}`)))
    return "there is no build/native, npm run build:native makes it";
  return undefined;
}
const reason = reasonToSkip();
if (reason !== undefined) console.log(`skipped: ${reason}`);

const offline = /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ENOTCACHED|ERR_SOCKET_TIMEOUT)\b/;

/** In Node: streams. */
const program = `
import { LLM, type GenerationResult } from "fewbit";

const [model = "", ids = "[]"] = process.argv.slice(2);
await using llm: LLM = await LLM.load(model, { backend: "cpu", activations: "f32" });
const answer = llm.generate(JSON.parse(ids) as number[], { temperature: 0, ignoreEos: true, maxTokens: 4 });
const streamed: number[] = [];
for await (const event of answer) if (event.type === "token") streamed.push(event.id);
const result: GenerationResult = await answer.result;
console.log(JSON.stringify({ streamed, ids: result.ids, device: llm.info.device.backend }));
`;

/** In a page, whose project has none of Node's types. */
const page = `
import { LLM, openMemoryFolder, type FewbitError, type LoadOptions } from "fewbit";

const options: LoadOptions = { onProgress: ({ phase, bytesDone }) => console.log(phase, bytesDone) };
export async function show(files: ReadonlyMap<string, Uint8Array>, paragraph: HTMLElement): Promise<void> {
  const llm: LLM = await LLM.load(openMemoryFolder(files), options);
  for await (const event of llm.chat("Hello")) if (event.type === "text") paragraph.append(event.text);
  await llm.close();
}
export const codeOf = (error: FewbitError): string => error.code;
`;

/** Strict beyond what a user is likely to have; declarations are checked as well. */
const compilerOptions = {
  target: "es2022",
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: false,
  verbatimModuleSyntax: true,
  outDir: "out",
};

describe.skipIf(reason !== undefined)("installed", () => {
  const scratch = mkdtempSync(join(tmpdir(), "fewbit-installed-"));
  afterAll(() => rmSync(scratch, { recursive: true }));
  const app = join(scratch, "app");
  const { path: model, promptIds, greedyIds } = golden("models/gptq-4b-g128-asym-actorder");

  /** What npm hands down to its scripts speaks of this checkout; where its registry and cache are does not. */
  const env: NodeJS.ProcessEnv = Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^npm_(?!config_(registry|cache|userconfig|globalconfig|proxy|https_proxy|cafile)$)/i.test(name),
    ),
  );
  delete env.FEWBIT_CPU_LIBRARY;
  env.PATH = join(scratch, "bin");

  let install: Run;
  let isOffline = false;
  beforeAll(() => {
    mkdirSync(join(scratch, "bin"));
    mkdirSync(app);
    for (const [name, path] of [
      ["node", process.execPath],
      ["npm", realpathSync(npm!)],
      ["npx", join(realpathSync(npm!), "..", "npx-cli.js")],
      ["sh", "/bin/sh"],
      ["env", "/usr/bin/env"],
    ] as const)
      symlinkSync(path, join(scratch, "bin", name));
    writeFileSync(join(app, "package.json"), JSON.stringify({ name: "app", private: true, type: "module" }));

    const tarballs = pack(scratch, "fewbit", `@fewbit/cpu-${process.platform}-${process.arch}`);
    const flags = ["--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund", "--fetch-retries=0"];
    install = run("npm", ["install", ...flags, "--fetch-timeout=30000", ...tarballs], { cwd: app, env });
    isOffline = install.status !== 0 && offline.test(install.stderr);
    if (isOffline) console.log("skipped: the npm registry cannot be reached");
  }, 240_000);

  /** Skips when the registry cannot be reached; any other failure of npm is one of ours. */
  const installed = (skip: (note: string) => never): void => {
    if (isOffline) skip("the npm registry cannot be reached");
    expect(install.status, install.stderr).toBe(0);
  };

  const fewbit = (backend: string): Run =>
    run(
      "npx",
      [
        "--no",
        "--",
        "fewbit",
        "run",
        model,
        "--ids",
        promptIds.join(","),
        "--max-tokens",
        "4",
        "--temperature",
        "0",
      ].concat(["--ignore-eos", ...exact, "--backend", backend, "--json"]),
      { cwd: app, env },
    );

  test("brings this platform's library and no other, and nothing that compiles", ({ skip }) => {
    installed(skip);
    expect(readdirSync(join(app, "node_modules", "@fewbit"))).toEqual([`cpu-${process.platform}-${process.arch}`]);
    for (const compiler of ["cc", "gcc", "clang"]) expect(run(compiler, ["-v"], { env }).status).toBeNull();
  });

  test("npx fewbit run answers with the CPU kernels", ({ skip }) => {
    installed(skip);
    const { status, stdout, stderr } = fewbit("cpu");
    expect(status, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ ids: greedyIds.slice(0, 4), backend: "cpu" });
  });

  /** Compiles main.ts in a folder of its own below the app; the folder. */
  const compile = (name: string, source: string, options: object): string => {
    const folder = join(app, name);
    mkdirSync(folder);
    writeFileSync(join(folder, "main.ts"), source);
    const settings = { compilerOptions: { ...compilerOptions, ...options }, files: ["main.ts"] };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(settings));
    runNode([join(root, "node_modules", "typescript", "bin", "tsc"), "-p", folder]);
    return folder;
  };

  test("a strict TypeScript program compiles with moduleResolution nodenext, and streams", ({ skip }) => {
    installed(skip);
    const typeRoots = [join(root, "node_modules", "@types")];
    const folder = compile("program", program, { module: "nodenext", types: ["node"], typeRoots });
    const { stdout } = runNode([join(folder, "out", "main.js"), model, JSON.stringify(promptIds)], { cwd: app, env });
    const ids = greedyIds.slice(0, 4);
    expect(JSON.parse(stdout)).toEqual({ streamed: ids, ids, device: "cpu" });
  });

  test("a strict TypeScript page compiles with moduleResolution bundler, without Node's types", ({ skip }) => {
    installed(skip);
    compile("page", page, {
      ...{ module: "esnext", moduleResolution: "bundler", customConditions: ["browser"] },
      ...{ types: [], lib: ["ES2022", "DOM"] },
    });
  });

  test("without the library's package the reference backend answers, and says so in one line", ({ skip }) => {
    installed(skip);
    rmSync(join(app, "node_modules", "@fewbit"), { recursive: true });
    const { status, stdout, stderr } = fewbit("auto");
    expect(status, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ ids: greedyIds.slice(0, 4), backend: "reference" });
    // npm itself may have something to say, about its settings.
    expect(stderr.split("\n").filter((line) => line.startsWith("fewbit:"))).toHaveLength(1);
    expect(stderr).toContain(`the optional package @fewbit/cpu-${process.platform}-${process.arch} is not installed`);
  });
});
