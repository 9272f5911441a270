import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** The golden files of this repository. */
export const fixtures = join(import.meta.dirname, "..", "fixtures");

/** A larger set of the same kind beside the checkout, which a stranger's clone does not have: then undefined. */
export const sharedFixtures = ((folder) => (existsSync(folder) ? folder : undefined))(
  join(import.meta.dirname, "..", "..", "..", "shared", "fixtures"),
);

/** The files with this ending below a folder, sorted, as paths. */
export function filesBelow(folder: string, ending: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(ending))
    .sort()
    .map((name) => join(folder, name));
}
