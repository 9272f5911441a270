import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Whether the module with this URL is the one that node was asked to run. */
export function isMainModule(url) {
  return process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(url);
}
