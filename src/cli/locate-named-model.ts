import type { Host, ModelLocation } from "../llm/host.ts";
import { locateModel } from "../llm/locate-model.ts";
import { hubAccess, withRevision, type HubFlags } from "./flags/hub-flags.ts";
import { loadingProgress } from "./loading-progress.ts";
import { withPathHint } from "./suggest-path.ts";
import type { Terminal } from "./terminal.ts";

/** Finds what a user calls a model, fetched from the Hub where it has to be; absent: the host's own. Errors as locateModel. */
export function locateNamedModel(
  host: Host,
  name: string | undefined,
  flags: HubFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<ModelLocation> {
  return withPathHint(name, () =>
    locateModel(host, withRevision(name, flags), {
      ...hubAccess(flags),
      signal,
      onWarning: terminal.warn,
      onProgress: loadingProgress(terminal),
    }),
  );
}
