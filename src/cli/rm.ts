import { sep } from "node:path";
import { createInterface } from "node:readline/promises";
import type { Command } from "commander";
import { hubCacheFolder } from "../hub/hub-settings.node.ts";
import { formatHubId, type HubId } from "../hub/hub-id.ts";
import { planRemoval, removeFromCache, type Removal } from "../hub/remove-cached.node.ts";
import { hubIdOf } from "./flags/hub-id-argument.ts";
import { addOutputFlags, type OutputFlags } from "./flags/output-flags.ts";
import { Interruption } from "./interruption.ts";
import { megabytes } from "./megabytes.ts";
import { Terminal } from "./terminal.ts";
import { UsageError } from "./usage-error.ts";

interface RmFlags extends OutputFlags {
  readonly yes?: boolean;
}

const examples = `
Without a revision, all commits of the model go; content that another commit shares stays. Shows what would go, and asks.

Examples:
  fewbit rm org/name
  fewbit rm org/name@v1 --yes
  fewbit rm org/name-GGUF:Q4_K_M`;

export function defineRm(command: Command): void {
  command
    .argument("<model>", "as `fewbit list` shows it, with @revision for one commit, or :VARIANT for one file")
    .option("-y, --yes", "remove it without asking");
  addOutputFlags(command).addHelpText("after", examples).action(remove);
}

async function remove(model: string, flags: RmFlags): Promise<void> {
  const terminal = new Terminal(flags);
  using interruption = new Interruption();
  const id = cachedIdOf(model);
  const removal = await planRemoval(hubCacheFolder(), id);
  if (!flags.yes) {
    if (!process.stdin.isTTY || !process.stderr.isTTY)
      throw new UsageError("rm asks before it removes anything; --yes answers");
    const { paths } = removal;
    for (const path of paths.filter((path) => !paths.some((folder) => path.startsWith(folder + sep))))
      terminal.note(path);
    if (!(await confirm(`Remove ${what(id, removal)}?`, interruption.signal))) {
      interruption.check();
      return terminal.note("nothing was removed");
    }
  }
  await removeFromCache(removal);
  const { commits, bytesFreed } = removal;
  if (flags.json) terminal.printJson({ model: formatHubId(id), commits, bytesFreed });
  else terminal.note(`removed ${what(id, removal)}`);
}

/** Old models have no organisation: "gpt2". */
function cachedIdOf(model: string): HubId {
  return /^\w[\w.-]*$/.test(model) ? { repository: model } : hubIdOf(model);
}

function what(id: HubId, { bytesFreed }: Removal): string {
  return `${formatHubId(id)} (${megabytes(bytesFreed)})`;
}

async function confirm(question: string, signal: AbortSignal): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  lines.on("SIGINT", () => process.kill(process.pid, "SIGINT")); // readline keeps it for itself
  // A question stays without an answer when the input ends.
  const ended = new Promise<string>((resolve) => lines.once("close", () => resolve("")));
  try {
    const answer = await Promise.race([lines.question(`${question} [y/N] `, { signal }), ended]);
    return /^y(es)?$/i.test(answer.trim());
  } catch {
    return false; // interrupted
  } finally {
    lines.close();
  }
}
