import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { launcher, scratchFolder } from "./fewbit.ts";

/** A real terminal needs tmux. */
export const hasTerminal = spawnSync("tmux", ["-V"]).status === 0;
if (!hasTerminal) console.log("skipped: what looks at a terminal needs tmux");

const pollMs = 50;

export interface TerminalOptions {
  readonly columns?: number;
  readonly rows?: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** A command line in a terminal of its own, in which the test types and reads. It is gone when the test is over. */
export class TestTerminal {
  readonly #socket: string;

  /** Runs `fewbit` with these arguments, none of which may hold quotes; behind it, its status stands as "status 0". */
  constructor(args: readonly string[], { columns = 80, rows = 24, env = {} }: TerminalOptions = {}) {
    this.#socket = join(scratchFolder(), "tmux");
    const variables = Object.entries({ FEWBIT_CHAT_HISTORY: "", NO_COLOR: "", LC_ALL: "C.UTF-8", ...env });
    const command = [
      ...variables.map(([name, value]) => `${name}='${value}'`),
      ...[process.execPath, launcher, ...args].map((arg) => `'${arg}'`),
    ].join(" ");
    this.#tmux(
      ...["-u", "-f", "/dev/null", "new-session", "-d", "-x", String(columns), "-y", String(rows)],
      `${command}; echo "status $?"; exec cat`,
    );
    onTestFinished(() => void this.#tmux("kill-server"));
  }

  /** Keys as tmux calls them ("C-c", "Enter"), or text as it is. */
  press(...keys: readonly string[]): void {
    this.#tmux("send-keys", ...keys);
  }

  /** As a terminal does it for whoever asked for brackets around it. */
  paste(text: string): void {
    this.#tmux("set-buffer", text);
    this.#tmux("paste-buffer", "-p");
  }

  resize(columns: number, rows: number): void {
    this.#tmux("resize-window", "-x", String(columns), "-y", String(rows));
  }

  /** What stands there, lines without blanks at their ends; with colours as escape sequences, on demand. */
  screen(withColors = false): string {
    const text = this.#tmux("capture-pane", "-p", ...(withColors ? ["-e"] : []));
    return text.replace(/ +$/gm, "").trimEnd();
  }

  /** Waits until this stands there, and gives the screen; the test's own limit ends the wait. */
  async shows(expected: RegExp): Promise<string> {
    for (;;) {
      const screen = this.screen();
      if (expected.test(screen)) return screen;
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }

  #tmux(...args: readonly string[]): string {
    const { stdout, stderr, status } = spawnSync("tmux", ["-S", this.#socket, ...args], { encoding: "utf8" });
    if (status !== 0) throw new Error(`tmux ${args[0]}: ${stderr}`);
    return stdout;
  }
}
