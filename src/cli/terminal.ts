import pc from "picocolors";
import type { CommonFlags } from "./flags/common-flags.ts";

/** Where a command's words go: results to stdout, all else to stderr, as much of it as the flags want. */
export class Terminal {
  /** For text on stdout: plain where that is no terminal, or NO_COLOR is set. */
  readonly colors: ReturnType<typeof pc.createColors>;
  readonly #isQuiet: boolean;
  readonly #isVerbose: boolean;
  /** A line of progress stands on stderr without its end. */
  #hasOpenLine = false;

  constructor({ quiet = false, verbose = false }: Pick<CommonFlags, "quiet" | "verbose">) {
    this.colors = pc.createColors(hasColors(process.stdout));
    this.#isQuiet = quiet;
    this.#isVerbose = verbose && !quiet;
  }

  /** A piece of the result. */
  write(text: string): void {
    this.#clearLine();
    process.stdout.write(text);
  }

  /** A line of the result. */
  print(line: string): void {
    this.write(`${line}\n`);
  }

  /** The one value of `--json`. */
  printJson(value: unknown): void {
    this.print(JSON.stringify(value));
  }

  /** Something is odd. Fits where a Warn is asked for. */
  readonly warn = (message: string): void => {
    if (!this.#isQuiet) this.#say(`fewbit: ${message}`);
  };

  /** What a user may want to know beside the result. */
  note(line: string): void {
    if (!this.#isQuiet) this.#say(line);
  }

  /** For `--verbose`. */
  detail(line: string): void {
    if (this.#isVerbose) this.#say(line);
  }

  /** A counter on one line of a terminal; undefined where nobody looks. It disappears when something else is written. */
  progress(what: string): ((done: number, total: number) => void) | undefined {
    if (this.#isQuiet || !process.stderr.isTTY) return undefined;
    let shown = -1;
    return (done, total) => {
      const percent = Math.floor((100 * done) / total);
      if (percent === shown) return;
      shown = percent;
      this.#hasOpenLine = true;
      process.stderr.write(`\r\x1b[K${what} ${percent} %`);
      if (done >= total) this.#clearLine();
    };
  }

  #say(line: string): void {
    this.#clearLine();
    process.stderr.write(`${line}\n`);
  }

  #clearLine(): void {
    if (this.#hasOpenLine) process.stderr.write("\r\x1b[K");
    this.#hasOpenLine = false;
  }
}

/** https://no-color.org: any value that is not empty. */
function hasColors(stream: NodeJS.WriteStream): boolean {
  return stream.isTTY && !process.env.NO_COLOR && process.env.TERM !== "dumb";
}
