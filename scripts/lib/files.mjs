import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

export const projectRoot = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

/** Every file below `folder`, as sorted absolute paths; empty when the folder does not exist. */
export function filesBelow(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** A hash over names (relative to the project, so that a moved checkout stays up to date) and contents. */
export function hashFiles(paths, ...parameters) {
  const hash = createHash("sha256").update(JSON.stringify(parameters));
  for (const path of paths) {
    const content = readFileSync(path);
    hash.update(`\n${relative(projectRoot, path).split(sep).join("/")} ${content.length}\n`).update(content);
  }
  return hash.digest("hex");
}

/** The text of a file, or undefined when it cannot be read. */
export function readTextIfAny(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
