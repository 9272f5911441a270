import type { Folder } from "../io/folder.ts";
import type { Host, ModelLocation } from "../llm/host.ts";
import { locateModel } from "../llm/locate-model.ts";
import { hubAccess, withRevision, type HubFlags } from "./flags/hub-flags.ts";
import { loadingProgress } from "./loading-progress.ts";
import { withPathHint } from "./suggest-path.ts";
import type { Terminal } from "./terminal.ts";

/** A model as a command has it: by its name, or at hand; undefined: the host's own. */
export type NamedModel = string | Folder | undefined;

/** Finds what a user calls a model, fetched from the Hub where it has to be; absent: the host's own. Errors as locateModel. */
export async function locateNamedModel(
  host: Host,
  name: NamedModel,
  flags: HubFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<ModelLocation> {
  if (typeof name === "object") return { folder: name };
  return withPathHint(name, () =>
    locateModel(host, withRevision(name, flags), {
      ...hubAccess(flags),
      signal,
      onWarning: terminal.warn,
      onProgress: loadingProgress(terminal),
    }),
  );
}
