import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import type { PageFiles } from "../server/page.ts";

/** The chat page that was built with this program. */
export async function readPage(): Promise<PageFiles> {
  const folder = fileURLToPath(new URL("./page", import.meta.url));
  const names = await readdir(folder);
  return new Map(await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name))] as const)));
}
