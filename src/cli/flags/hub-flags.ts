import type { Command } from "commander";
import type { HubAccess } from "../../hub/hub.ts";
import { formatHubId, isRevision, parseHubId } from "../../hub/hub-id.ts";
import { UsageError } from "../usage-error.ts";

/** What every command takes that opens models by their id on the Hub. */
export interface HubFlags {
  readonly revision?: string;
  readonly hfToken?: string;
  readonly offline?: boolean;
}

export function addHubFlags(command: Command): Command {
  return command
    .optionsGroup("Hub:")
    .option("--revision <name>", "branch, tag or commit of a model on the Hub, as in org/name@REVISION")
    .option("--hf-token <token>", "access token (default: HF_TOKEN, or what `hf auth login` has stored)")
    .option("--offline", "only what is in the cache, without any request");
}

export function hubAccess({ hfToken, offline }: HubFlags): HubAccess {
  return { ...(hfToken !== undefined && { token: hfToken }), ...(offline !== undefined && { offline }) };
}

/** The model with the revision of `--revision` in its name. Throws UsageError where the model has none, or another one already. */
export function withRevision(model: string | undefined, { revision }: HubFlags): string | undefined {
  if (revision === undefined) return model;
  const id = model === undefined ? undefined : parseHubId(model);
  if (id === undefined) throw new UsageError("--revision needs a model of the Hub, as org/name");
  if (!isRevision(revision))
    throw new UsageError(`--revision: ${JSON.stringify(revision)} is no name of a branch, tag or commit`);
  if (id.revision !== undefined) throw new UsageError(`--revision: ${JSON.stringify(model)} names a revision already`);
  return formatHubId({ ...id, revision });
}
