import type { Command } from "commander";
import { defineBenchKernels } from "./bench-kernels.ts";
import { defineBenchLatency } from "./bench-latency.ts";
import { defineBenchRun } from "./bench-run.ts";
import { defineBenchServe } from "./bench-serve.ts";

const examples = `
Examples:
  fewbit bench run ./my-model
  fewbit bench run ./my-model -p 512 -n 128 -r 3 --json
  fewbit bench latency ./my-model --input-len 512 --batch-size 4
  fewbit bench serve --base-url http://127.0.0.1:8000 --max-concurrency 1,4,16`;

export function defineBench(command: Command): void {
  command.addHelpText("after", examples);
  defineBenchRun(command.command("run"));
  defineBenchLatency(command.command("latency"));
  defineBenchServe(command.command("serve"));
  defineBenchKernels(command.command("kernels"));
}
