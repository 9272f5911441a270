import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join, relative } from "node:path";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { filesBelow } from "../support/fixtures.ts";
import { pack, root, run, runNode, unpack } from "./packed.ts";

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly optionalDependencies: Readonly<Record<string, string>>;
  readonly exports: object;
  readonly [field: string]: unknown;
}

/** What no package may hold: notes, tests, maps, and where it was made. */
function expectClean(folder: string): void {
  for (const path of filesBelow(folder, "")) {
    if (!statSync(path).isFile()) continue;
    expect(path).not.toMatch(/\.test\.|\.map$|tsbuildinfo|[/\\]\.[^/\\]*$/);
    const content = readFileSync(path, "latin1");
    for (const word of [root, homedir(), tmpdir(), "sourceMappingURL"])
      expect(content.includes(word), `${path} holds ${word}`).toBe(false);
  }
}

const readManifest = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;

const isBuilt = existsSync(join(root, "dist", "node.mjs"));
if (!isBuilt) console.log("skipped: there is no dist/, npm run build makes it");

describe.skipIf(!isBuilt)("the tarball of fewbit", () => {
  const scratch = mkdtempSync(join(tmpdir(), "fewbit-tarballs-"));
  afterAll(() => rmSync(scratch, { recursive: true }));
  let tarball: string;
  let folder: string;
  let manifest: Manifest;
  let files: readonly string[];
  beforeAll(() => {
    [tarball] = pack(scratch, "fewbit");
    folder = unpack(tarball, scratch);
    manifest = readManifest(folder);
    files = filesBelow(folder, "")
      .filter((path) => statSync(path).isFile())
      .map((path) => relative(folder, path).replaceAll("\\", "/"));
  });

  test("holds the program, its declarations, and what a licence asks for; nothing else", () => {
    const program = /^dist\/([\w.-]+\.(mjs|d\.mts)|page\/[\w.-]+\.(html|js|css|svg))$/;
    const rest = files.filter((file) => !program.test(file));
    expect(rest).toEqual(["LICENSE", "NOTICE", "README.md", "bin/fewbit.mjs", "docs/env.md", "package.json"]);
    expectClean(folder);
    expect(statSync(tarball).size).toBeLessThan(700_000);
  });

  test("its manifest is package.json's, with every platform's library of the same version", () => {
    const { name, version, exports, bin, engines, dependencies } = packageJson;
    expect(manifest).toMatchObject({ name, version, exports, bin, engines, dependencies, type: "module" });
    const platforms = ["linux-x64", "linux-arm64", "darwin-arm64", "darwin-x64", "win32-x64"];
    const native = [...platforms.map((platform) => `@fewbit/cpu-${platform}`), "@fewbit/cuda"];
    expect(manifest.optionalDependencies).toEqual(Object.fromEntries(native.map((name) => [name, version])));
    for (const field of ["private", "scripts", "devDependencies"]) expect(manifest).not.toHaveProperty(field);
  });

  test("every condition of exports leads to a file, types first", () => {
    const visit = (node: unknown): void => {
      if (typeof node === "string") return expect(files).toContain(node.slice("./".length));
      const conditions = Object.keys(node as object);
      if (conditions.includes("types")) expect(conditions[0]).toBe("types");
      Object.values(node as object).forEach(visit);
    };
    visit(manifest.exports);
  });

  test("its README speaks of no file that only a checkout has", () => {
    const links = readFileSync(join(folder, "README.md"), "utf8").matchAll(/\]\((?!https?:)([^)#]+)/g);
    for (const [, target] of links) expect(files).toContain(target);
  });

  test("Node 20 can parse it, and the declarations explain themselves", () => {
    for (const file of files.filter((name) => name.endsWith(".mjs")))
      expect(readFileSync(join(folder, file), "utf8"), file).not.toMatch(/^\s*(await )?using \w+ =/m);
    for (const file of ["dist/node.d.mts", "dist/browser.d.mts"])
      expect(readFileSync(join(folder, file), "utf8")).toContain("Opens a model and makes it ready to answer.");
  });

  test("publint finds nothing", async () => {
    const { messages } = await publint({ pkgDir: folder, strict: true, pack: false });
    expect(messages.map((message) => formatMessage(message, manifest))).toEqual([]);
  });

  test("every module resolution of TypeScript that knows ES modules finds the types", () => {
    const attw = join(root, "node_modules", "@arethetypeswrong", "cli", "dist", "index.js");
    runNode([attw, tarball, "--profile", "esm-only", "--no-emoji", "--no-color"]);
  });

  test("a checkout cannot be published by itself, and npm pack there takes the same files", () => {
    expect(packageJson.private).toBe(true);
    const args = ["pack", "--dry-run", "--json", "--ignore-scripts", "--offline"];
    const { status, stdout, stderr } = run("npm", args);
    expect(status, stderr).toBe(0);
    const [{ files: ours }] = JSON.parse(stdout) as { files: { path: string }[] }[];
    expect(ours.map(({ path }) => path).sort()).toEqual([...files].sort());
  });
});

const platformPackage = `@fewbit/cpu-${process.platform}-${process.arch}`;
const library = join(root, "build", "native", `${process.platform}-${process.arch}`);
const hasLibrary = existsSync(library);
if (!hasLibrary) console.log("skipped: there is no build/native, npm run build:native makes it");

describe.skipIf(!hasLibrary)(`the tarball of ${platformPackage}`, () => {
  const scratch = mkdtempSync(join(tmpdir(), "fewbit-tarballs-"));
  afterAll(() => rmSync(scratch, { recursive: true }));

  test("holds the library, for this platform only, and asks for no newer glibc than Node does", async () => {
    const [tarball] = pack(scratch, platformPackage);
    const folder = unpack(tarball, scratch);
    const manifest = readManifest(folder);
    expect(manifest).toMatchObject({ version: packageJson.version, os: [process.platform], cpu: [process.arch] });
    expect(filesBelow(folder, "").filter((path) => /\.(so|dylib|dll)$/.test(path))).toHaveLength(1);
    expectClean(folder);
    const { messages } = await publint({ pkgDir: folder, strict: true, pack: false });
    expect(messages.map((message) => formatMessage(message, manifest))).toEqual([]);
    if (process.platform !== "linux") return;
    expect(manifest.libc).toEqual(["glibc"]);
    expect(readFileSync(join(folder, "README.md"), "utf8")).toMatch(/needs glibc 2\.(1\d|2[0-8]) or newer/);
  });
});

test("the lock file names no registry, so that whichever is configured serves", () => {
  const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
    packages: Record<string, { version?: string; integrity?: string; resolved?: string }>;
  };
  const entries = Object.entries(packages).filter(([path]) => path !== "");
  expect(entries.filter(([, { resolved }]) => resolved !== undefined)).toEqual([]);
  expect(entries.filter(([, { integrity }]) => integrity === undefined)).toEqual([]);
});

test("an unknown package is refused by name", () => {
  const { status, stderr } = run(process.execPath, [join(root, "scripts", "pack.mjs"), "@fewbit/cpu-toaster"]);
  expect(status).toBe(1);
  expect(stderr).toMatch(/^pack: @fewbit\/cpu-toaster: the packages are fewbit, [^\n]+\n$/);
});
