import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Folder } from "../../src/io/folder.ts";

/** Puts a folder's files on the disk. */
export async function writeFolder(folder: Folder, path: string): Promise<void> {
  mkdirSync(path, { recursive: true });
  for (const name of await folder.list()) {
    await using source = await folder.open(name);
    writeFileSync(join(path, name), await source.read(0, source.size));
  }
}
