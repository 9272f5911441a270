import type { Command } from "commander";
import { createNodeHub } from "../hub/node-hub.node.ts";
import { downloadBars } from "./download-bars.ts";
import { hubIdOf } from "./flags/hub-id-argument.ts";
import { addHubFlags, hubAccess, withRevision, type HubFlags } from "./flags/hub-flags.ts";
import { addOutputFlags, type OutputFlags } from "./flags/output-flags.ts";
import { Interruption } from "./interruption.ts";
import { Terminal } from "./terminal.ts";

const examples = `
MODEL is org/name on the Hub, with @revision for a branch, tag or commit, and :VARIANT for a file of a GGUF repository. What is
taken is what the model needs: its configs, its tokenizer, its weights in one format. A pull that was interrupted goes on where it
was. Prints the path.

Examples:
  fewbit pull HuggingFaceTB/SmolLM2-135M-Instruct
  fewbit pull Qwen/Qwen2.5-0.5B-Instruct-GPTQ-Int4 --revision main
  fewbit pull org/name-GGUF:Q4_K_M
  HF_HUB_CACHE=/data/hub fewbit pull org/name --json`;

export function definePull(command: Command): void {
  command.argument("<model>", "org/name, org/name@revision or org/name:VARIANT");
  addHubFlags(command);
  addOutputFlags(command).addHelpText("after", examples).action(pull);
}

async function pull(model: string, flags: HubFlags & OutputFlags): Promise<void> {
  const id = hubIdOf(withRevision(model, flags) ?? model);
  const terminal = new Terminal(flags);
  using interruption = new Interruption();
  const pulled = await createNodeHub().open(id, {
    ...hubAccess(flags),
    signal: interruption.signal,
    onWarning: terminal.warn,
    onProgress: downloadBars(terminal),
  });
  interruption.check();
  const { commit, path } = pulled;
  if (flags.json) terminal.printJson({ model: id.repository, commit, path });
  else terminal.print(path);
}
