#!/usr/bin/env node
// Brings a checkout to where it can run: dependencies, native library, program. Each step does nothing when it is up to
// date, and then needs no network. Imports only node's own modules, since it runs before anything is installed.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildNative } from "./build-native.mjs";
import { filesBelow, hashFiles, projectRoot, readTextIfAny } from "./lib/files.mjs";
import { isMainModule } from "./lib/main-module.mjs";
import { npm } from "./lib/npm.mjs";

const inProject = (...parts) => join(projectRoot, ...parts);
const log = (line) => console.error(`setup: ${line}`);

/** Ends the process with status 1 and a line that says why, when a step fails. */
export async function setUp() {
  checkNodeVersion();
  installDependencies();
  await buildNativeLibrary();
  buildProgram();
}

function checkNodeVersion() {
  const [, major, minor] = /^v(\d+)\.(\d+)/.exec(process.version).map(Number);
  if (major < 20 || (major === 20 && minor < 19))
    fail(`fewbit needs Node 20.19 or newer, and this is ${process.version}`);
}

function installDependencies() {
  if (dependenciesAreInstalled()) return;
  log("installing dependencies");
  const args = ["ci", "--include=dev", "--include=optional", "--prefer-offline", "--loglevel=error"];
  if (npm(args, ["ignore", 2, 2]) !== 0) fail("npm ci failed");
}

/** Holds what npm noted on its last install against the lock file; packages for other platforms may be absent. */
function dependenciesAreInstalled() {
  const noted = readTextIfAny(inProject("node_modules", ".package-lock.json"));
  if (noted === undefined) return false;
  const installed = JSON.parse(noted).packages;
  const wanted = JSON.parse(readFileSync(inProject("package-lock.json"), "utf8")).packages;
  return Object.entries(wanted).every(
    ([path, { version, optional }]) =>
      path === "" || (installed[path] ? installed[path].version === version : optional === true),
  );
}

async function buildNativeLibrary() {
  try {
    const { skipped } = await buildNative({ log });
    if (skipped) log(`no native library: ${skipped}; the reference backend is used`);
  } catch (error) {
    fail(`the native library does not build\n${error.message}`);
  }
}

/** Ends the process as setUp does. */
export function buildProgram() {
  const sources = filesBelow(inProject("src")).filter((path) => !path.endsWith(".test.ts"));
  const settings = ["tsdown.config.ts", "tsconfig.json", "package.json", "package-lock.json"].map((f) => inProject(f));
  const inputs = hashFiles([...sources, ...settings]);
  // The note lies in dist, which tsdown empties: it never outlives the build that it describes.
  const note = inProject("dist", ".inputs");
  if (readTextIfAny(note) === inputs && existsSync(inProject("dist", "cli.mjs"))) return;
  log("building the program");
  const tsdown = inProject("node_modules", "tsdown", "dist", "run.mjs");
  const result = spawnSync(process.execPath, [tsdown, "--logLevel", "warn"], { cwd: projectRoot, encoding: "utf8" });
  if (result.status !== 0) fail(`the program does not build\n${result.stdout}${result.stderr}`);
  writeFileSync(note, inputs);
}

function fail(why) {
  log(why);
  process.exit(1);
}

if (isMainModule(import.meta.url)) {
  await setUp();
  log("up to date");
}
