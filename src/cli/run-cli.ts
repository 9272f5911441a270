import { CommanderError } from "commander";
import { AbortedError } from "../util/errors.ts";
import { createProgram } from "./create-program.ts";
import { exitStatus } from "./exit-status.ts";
import { SignalWatch } from "./signal-watch.ts";
import { clearProgress } from "./terminal.ts";
import { UsageError } from "./usage-error.ts";
import { visibleControls } from "./visible-controls.ts";

/** Runs one command line, without the program's name, and gives the exit status. Never throws. */
export async function runCli(args: readonly string[]): Promise<number> {
  leaveWhenOutputFails();
  using signals = new SignalWatch();
  try {
    const program = await createProgram(args);
    await program.parseAsync(args, { from: "user" });
    return exitStatus.ok;
  } catch (error) {
    clearProgress();
    if (error instanceof AbortedError) return signals.status;
    return report(error, args.includes("--verbose"));
  }
}

/** One line on stderr, with a stack trace only where it was asked for. */
function report(error: unknown, isVerbose: boolean): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return exitStatus.ok; // --help, --version
    if (error.code === "commander.help") return exitStatus.usage; // no command: the help stands on stderr already
    const [message, ...hints] = error.message.replace(/^error: /, "").split("\n");
    writeError([message, ...hints].join(" "));
    return exitStatus.usage;
  }
  const message = error instanceof Error ? error.message : String(error);
  writeError(isVerbose && error instanceof Error ? (error.stack ?? message) : oneLine(message));
  return error instanceof UsageError ? exitStatus.usage : exitStatus.failure;
}

function oneLine(message: string): string {
  return message.trim().replace(/\s*\n\s*/g, " ");
}

function writeError(line: string): void {
  process.stderr.write(`fewbit: ${visibleControls(line)}\n`);
}

/** `fewbit run … | head -1`: whoever reads has had enough, and so there is nobody to tell. Any other failure (a full disk) is one. */
function leaveWhenOutputFails(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(exitStatus.ok);
    writeError(`standard output cannot be written: ${oneLine(error.message)}`);
    process.exit(exitStatus.failure);
  });
  process.stderr.on("error", (error: NodeJS.ErrnoException) => {
    process.exit(error.code === "EPIPE" ? exitStatus.ok : exitStatus.failure);
  });
}
