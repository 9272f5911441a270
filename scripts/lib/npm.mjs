import { spawnSync } from "node:child_process";
import { projectRoot } from "./files.mjs";

/** Runs npm in the project and returns its exit status. `stdio` is that of spawn. */
export function npm(args, stdio = "inherit") {
  // Under `npm start` this is the npm that runs us; it avoids the shell that npm.cmd would need on Windows.
  const self = process.env.npm_execpath;
  const { status, error, signal } = self?.endsWith("npm-cli.js")
    ? spawnSync(process.execPath, [self, ...args], { cwd: projectRoot, stdio })
    : spawnSync("npm", args, { cwd: projectRoot, stdio, shell: process.platform === "win32" });
  if (error) console.error(`npm could not be started: ${error.message}`);
  return signal ? 130 : (status ?? 1);
}
