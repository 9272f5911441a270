import { existsSync, readdirSync } from "node:fs";
import { basename, dirname } from "node:path";
import { IoError, RequestError } from "../util/errors.ts";
import { quote } from "../util/quote.ts";
import { closest } from "./closest.ts";

/** Opens what a user calls a model; where that fails and nothing has this name, the error names what lies there and has nearly this name. */
export async function withPathHint<Result>(name: string | undefined, open: () => Promise<Result>): Promise<Result> {
  try {
    return await open();
  } catch (error) {
    const isMissing = error instanceof IoError || error instanceof RequestError;
    if (name === undefined || !isMissing || existsSync(name)) throw error;
    const near = nearestPath(name);
    if (near === undefined) throw error;
    throw new IoError(`${error.message}; did you mean ${quote(near)}?`, { cause: error });
  }
}

/** The neighbour whose name is most like the last part of `path`; of a path that fails earlier, where it fails. */
function nearestPath(path: string): string | undefined {
  const folder = dirname(path);
  if (folder !== "." && folder !== path && !existsSync(folder)) return nearestPath(folder);
  try {
    const near = closest(basename(path), readdirSync(folder));
    // As it was begun: "./" goes from what join makes of it.
    return near && `${path.slice(0, path.lastIndexOf(basename(path)))}${near}`;
  } catch {
    return undefined; // it cannot be listed: there is nothing to suggest
  }
}
