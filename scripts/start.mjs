#!/usr/bin/env node
// `npm start`: from a fresh clone to an answer. Sets up what is missing, then runs the program with the arguments given.
import { fileURLToPath } from "node:url";
import { setUp } from "./setup.mjs";

const question = "What is the capital of France? Answer in one sentence.";

await setUp();
const launcher = new URL("../bin/fewbit.mjs", import.meta.url);
const given = process.argv.slice(2);
process.argv = [process.argv[0], fileURLToPath(launcher), ...(given.length > 0 ? given : argumentsByDefault())];
await import(launcher);

function argumentsByDefault() {
  return process.stdin.isTTY && process.stdout.isTTY ? ["chat"] : ["run", "-p", question, "--temperature", "0"];
}
