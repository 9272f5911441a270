import type { Command } from "commander";
import { listCachedModels, listUnfinished, type CachedModel } from "../hub/cached-models.node.ts";
import { hubCacheFolder } from "../hub/hub-settings.node.ts";
import { addOutputFlags, type OutputFlags } from "./flags/output-flags.ts";
import { formatTable } from "./format-table.ts";
import { megabytes } from "./megabytes.ts";
import { Terminal } from "./terminal.ts";

const examples = `
The cache is the one of huggingface_hub: HF_HUB_CACHE, else $HF_HOME/hub, else ~/.cache/huggingface/hub.

Examples:
  fewbit list
  fewbit list --json
  HF_HUB_CACHE=/data/hub fewbit list`;

export function defineList(command: Command): void {
  addOutputFlags(command).addHelpText("after", examples).action(list);
}

async function list(flags: OutputFlags): Promise<void> {
  const terminal = new Terminal(flags);
  const cacheFolder = hubCacheFolder();
  const models = await listCachedModels(cacheFolder);
  if (flags.json) return terminal.printJson(models.map(modelJson));
  for (const { repository, byteLength } of await listUnfinished(cacheFolder))
    terminal.note(`${repository} is unfinished (${megabytes(byteLength)}): pull goes on with it, rm removes it`);
  if (models.length === 0) return terminal.note(`there are no models in ${cacheFolder}`);
  const rows = models.map((model) => [
    model.repository,
    model.revisions.join(", ") || "-",
    model.commit.slice(0, 7),
    model.format ?? "-",
    megabytes(model.byteLength),
    model.lastUsed.toISOString().slice(0, 10),
  ]);
  const header = ["MODEL", "REVISION", "COMMIT", "FORMAT", "SIZE", "LAST USED"];
  terminal.print(formatTable([header, ...rows], ["left", "left", "left", "left", "right", "left"]));
}

/** The contract with scripts. */
function modelJson({
  repository,
  commit,
  revisions,
  byteLength,
  fileCount,
  lastUsed,
  format,
  path,
}: CachedModel): unknown {
  return {
    model: repository,
    ...{ commit, revisions },
    bytes: byteLength,
    files: fileCount,
    lastUsed: lastUsed.toISOString(),
    format: format ?? null,
    path,
  };
}
