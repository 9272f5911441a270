#!/usr/bin/env node
// Imports the built program and nothing else.
import { existsSync } from "node:fs";
import module from "node:module";

module.enableCompileCache?.(); // Node 22 and newer start faster with it

const program = new URL("../dist/cli.mjs", import.meta.url);
if (existsSync(program)) {
  await import(program);
} else {
  console.error(
    "fewbit is not built yet: `npm start` in the checkout builds and runs it, `npm run setup` only builds.",
  );
  process.exitCode = 1;
}
